//! What is known of a Flow.

use jiff::Timestamp;
use vrsky_crds::status::Status;
use vrsky_plan::{FlowId, Program, Tenant, TenantName};

use crate::index::Key;
use crate::kinds::Kind;
use crate::operator::Operator;
use crate::status::facts::{Facts, FlowFacts, Heard, Planned, Workload};
use crate::{names, objects, pods, status};

impl Operator {
    pub(super) fn flow<'a>(
        &'a self,
        key: &'a Key,
        mut object: Facts<'a>,
        owner: Option<(&TenantName, &Tenant)>,
        previous: &Status,
        now: Timestamp,
    ) -> (Status, Option<Timestamp>) {
        let id = FlowId::new(&key.namespace, &key.name).ok();
        let planned = owner.zip(id.as_ref()).and_then(|((_, tenant), id)| {
            let program = tenant.programs.get(id)?;
            let workload = tenant.workloads.iter().find(|workload| {
                *workload.namespace == *key.namespace
                    && workload.flow.as_ref().is_none_or(|flow| flow == id)
            })?;
            Some((tenant, program, workload))
        });
        let reports: Vec<Heard<'_>> = owner
            .zip(id.as_ref())
            .into_iter()
            .flat_map(|((_, tenant), id)| self.reports.heard(&tenant.id, id))
            .collect();
        let name = planned.map(|(_, _, workload)| names::workload(workload));
        let deployment = name.as_ref().and_then(|name| {
            let key = Key::new(Kind::Deployment, &key.namespace, name);
            self.index.get(&key)
        });
        let trouble = name
            .as_ref()
            .and_then(|name| pods::trouble(&self.index, &key.namespace, name));
        let way_in = id.iter().flat_map(|id| {
            let name = names::way_in(id);
            [(Kind::Ingress, name.clone()), (Kind::HttpRoute, name)]
        });
        let made = name.as_ref().map(|name| (Kind::Deployment, name.clone()));
        let refused = made.into_iter().chain(way_in).find_map(|(kind, name)| {
            let key = Key::new(kind, &key.namespace, &name);
            self.refused.get(&key)
        });
        if let Some(message) = refused {
            object.refuse(message);
        }
        let is_own = planned.is_some_and(|(_, _, workload)| workload.flow.is_some());
        let selector = name.as_deref().filter(|_| is_own).map(objects::selector);
        let url = planned.and_then(|(_, program, _)| self.url(program, name.as_deref()?));
        let facts = FlowFacts {
            object,
            program: planned.map(|(_, program, _)| Planned::from(&**program)),
            workload: name.as_deref().map(|name| Workload {
                name,
                available: deployment.is_some_and(pods::is_available),
                pods: selector
                    .as_deref()
                    .map(|selector| (deployment.map_or(0, pods::count), selector)),
                trouble: trouble.as_ref().map(pods::Found::trouble),
            }),
            reports: &reports,
            url: url.as_deref(),
            zero: owner
                .zip(id.as_ref())
                .and_then(|(owner, id)| self.zero(owner, id)),
        };
        let status = status::flow(&facts, previous, now);
        let next = status::next_flow_change(&facts, &status, now);
        (status, next)
    }

    /// Where a flow's webhook is reached: `<base>/<tenant>/<path>`.
    fn url(&self, program: &Program, workload: &str) -> Option<String> {
        let path = program.webhook()?;
        let path = path.trim_start_matches('/');
        let base = self.config.webhooks.url.as_ref().map_or_else(
            || {
                let namespace = program.flow.namespace();
                format!(
                    "http://{workload}.{namespace}.svc:{}",
                    crate::objects::WEBHOOK_PORT
                )
            },
            |url| url.trim_end_matches('/').to_owned(),
        );
        Some(format!("{base}/{}/{path}", program.tenant))
    }
}
