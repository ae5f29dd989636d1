//! What is known of a Grant.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vrsky_plan::program::Target;
use vrsky_plan::{Program, Tenant, TenantId, TenantName};

use crate::index::{Key, Seen};
use crate::operator::Operator;
use crate::status;
use crate::status::facts::{Apply, End, Facts, GrantFacts, Heard, Planned, Revocation};

impl Operator {
    pub(super) fn grant<'a>(
        &'a self,
        key: &Key,
        seen: &Seen,
        mut object: Facts<'a>,
        owner: Option<&Tenant>,
        readers: &BTreeMap<&str, Vec<&'a TenantId>>,
        now: Timestamp,
    ) -> GrantFacts<'a> {
        let name = format!("{}/{}", key.namespace, key.name);
        let content = seen.content();
        let spec = &content["spec"];
        let expires = spec["expires"]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok());
        let end = if spec["revoked"] == true {
            Some(End::Revoked)
        } else if expires.is_some_and(|expires| expires <= now) {
            Some(End::Expired)
        } else {
            None
        };
        let readers = readers.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        // The worse of both sides. Whoever still reads by a grant that has ended is not in the plan.
        let to = spec["to"]["tenant"].as_str();
        let still = end.and_then(|_| self.still_reads(&name, seen, to));
        for id in readers.iter().copied().chain(still) {
            if object.apply == Apply::Done {
                object.apply = self.applied_to(id);
            }
        }
        let revocation = self.revoked.get(&name).map(|revoked| Revocation {
            at: Timestamp::from_millisecond(i64::try_from(revoked.at_ms).unwrap_or_default())
                .unwrap_or_default(),
            messages_removed: revoked.purged,
        });
        let topic = spec["topic"].as_str().unwrap_or_default();
        let created = seen.metadata.created.unwrap_or(i64::MIN);
        GrantFacts {
            object,
            end,
            readers: readers.len(),
            publishers_behind: owner
                .is_some_and(|tenant| self.publishers_behind(tenant, topic, now)),
            // Not that of a former one of the same name.
            revocation: revocation.filter(|revocation| revocation.at.as_second() >= created),
        }
    }

    /// Who may still read by a grant to this tenant that has ended.
    fn still_reads(&self, grant: &str, seen: &Seen, to: Option<&str>) -> Option<&TenantId> {
        let generation = Some(seen.generation());
        let told = seen.told.status();
        let was_verified = told.conditions.iter().any(|it| {
            it.type_ == "Revoked" && it.status == "True" && it.observed_generation == generation
        });
        let to = to.and_then(|to| TenantName::new(to).ok());
        let to = to.and_then(|to| self.plan.tenants.get(&to));
        let mut ending = self.ending.iter();
        let found = ending.find(|(id, grants)| match grants {
            Some(grants) => grants.contains(grant),
            // What was verified once stays so, whoever cannot be looked at now.
            None => !was_verified && to.is_some_and(|to| to.id == **id),
        });
        found.map(|(id, _)| id)
    }

    /// Whether a process that publishes to a topic that is shared runs an older program.
    fn publishers_behind(&self, tenant: &Tenant, topic: &str, now: Timestamp) -> bool {
        let publishes = |program: &Program| {
            let outputs = program.stages.values().flat_map(|it| it.outputs.values());
            let mut targets = outputs.map(|output| &output.target);
            let shared = format!("x.{topic}");
            targets.any(|target| match target {
                Target::Topic { publish, .. } => publish.iter().any(|it| it.as_str() == shared),
                _ => false,
            })
        };
        tenant.programs.iter().any(|(flow, program)| {
            if !publishes(program) {
                return false;
            }
            let heard: Vec<Heard<'_>> = self.reports.heard(&tenant.id, flow).collect();
            status::is_behind(&Planned::from(&**program), &heard, now)
        })
    }
}
