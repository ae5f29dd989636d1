//! Fixtures: plans made by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use vrsky_plan::grant::Revocation;
use vrsky_plan::program::{Condition, Input, Output, Source, Stage, Target};
use vrsky_plan::tenant::{Limits, Permissions, Stream, StreamRole};
use vrsky_plan::{
    ConsumerName, EdgeName, FlowId, Import, Plan, Program, Subject, Tenant, TenantId, TenantName,
};

pub(crate) fn id(name: &str) -> TenantId {
    TenantId::of(name)
}

pub(crate) fn flow(tenant: &str, name: &str) -> FlowId {
    FlowId::new(tenant, name).unwrap()
}

/// A plan under construction.
pub(crate) struct Plans(pub(crate) Plan);

impl Plans {
    pub(crate) fn new() -> Self {
        Self(Plan::empty())
    }

    /// A tenant with nothing but its streams.
    pub(crate) fn tenant(mut self, name: &str) -> Self {
        self.0
            .tenants
            .insert(TenantName::new(name).unwrap(), Arc::new(tenant(name)));
        self
    }

    pub(crate) fn change(mut self, name: &str, change: impl FnOnce(&mut Tenant)) -> Self {
        change(Arc::make_mut(
            self.0
                .tenants
                .get_mut(&TenantName::new(name).unwrap())
                .unwrap(),
        ));
        self
    }

    /// A flow that takes messages in and publishes them to these subjects.
    pub(crate) fn flow(self, owner: &str, name: &str, publish: &[&str]) -> Self {
        let program = program(owner, name, publish);
        self.change(owner, |tenant| {
            tenant
                .programs
                .insert(program.flow.clone(), Arc::new(program));
        })
    }

    /// `owner` grants its topic `orders` to the flow `reader/<flow>`.
    pub(crate) fn grant(self, owner: &str, reader: &str, name: &str, mode: Revocation) -> Self {
        let owner_id = id(owner);
        let import = Import {
            owner: TenantName::new(owner).unwrap(),
            stream: owner_id.shared_stream(),
            grant: format!("{owner}/orders-for-{reader}"),
            topic: "orders".to_owned(),
            filter: Subject::new("x.orders").unwrap(),
            consumer: ConsumerName::new(format!("g{owner}{reader}-{name}")).unwrap(),
            flow: flow(reader, name),
            into: flow(reader, name).edge_subject(&EdgeName::ingress()),
            revocation: mode,
            expires: None,
            owner_id,
        };
        let shared = stream(&id(owner), StreamRole::Shared);
        let plans = self.change(owner, |tenant| {
            if !tenant.streams.contains(&shared) {
                tenant.streams.push(shared);
            }
        });
        plans
            .flow(reader, name, &[])
            .change(reader, |tenant| tenant.imports.push(import))
    }

    /// The plan with one role's permissions replaced.
    pub(crate) fn role(self, name: &str, role: &str, publish: &[&str], subscribe: &[&str]) -> Self {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let permissions = Permissions {
            publish: words(publish),
            subscribe: words(subscribe),
        };
        self.change(name, |tenant| {
            tenant.roles.insert(role.to_owned(), permissions);
        })
    }

    /// The plan without any import of `reader`.
    pub(crate) fn revoked(self, reader: &str) -> Self {
        self.change(reader, |tenant| tenant.imports.clear())
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    let id = id(name);
    Tenant {
        limits: Limits {
            disk_storage: 1 << 30,
            memory_storage: 64 << 20,
            streams: 5,
            consumers: 200,
            connections: 50,
            payload: 1 << 20,
        },
        streams: vec![
            stream(&id, StreamRole::DeadLetters),
            stream(&id, StreamRole::Transit),
        ],
        roles: roles(&id).into_iter().collect(),
        imports: Vec::new(),
        programs: BTreeMap::new(),
        workloads: Vec::new(),
        compute: None,
        offers: None,
        id,
    }
}

pub(crate) fn stream(tenant: &TenantId, role: StreamRole) -> Stream {
    let (name, subject) = match role {
        StreamRole::Transit => (tenant.transit_stream(), "e.>"),
        StreamRole::DeadLetters => (tenant.dead_letter_stream(), "d.>"),
        StreamRole::Shared => (tenant.shared_stream(), "x.>"),
    };
    Stream {
        name,
        role,
        subjects: vec![subject.to_owned()],
        max_bytes: 64 << 20,
        max_age_seconds: 3600,
        max_messages_per_subject: 100_000,
        max_message_size: 1 << 20,
        replicas: 1,
    }
}

/// The table of docs/broker.md.
pub(crate) fn roles(tenant: &TenantId) -> [(String, Permissions); 2] {
    let transit = tenant.transit_stream();
    let dead = tenant.dead_letter_stream();
    let runtime = Permissions {
        publish: vec![
            format!("$JS.ACK.{transit}.>"),
            format!("$JS.API.CONSUMER.CREATE.{transit}.*.e.>"),
            format!("$JS.API.CONSUMER.DELETE.{transit}.*"),
            format!("$JS.API.CONSUMER.INFO.{transit}.*"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{transit}.*"),
            format!("$JS.API.DIRECT.GET.KV_leases.$KV.leases.{tenant}.>"),
            format!("$JS.API.DIRECT.GET.KV_programs.$KV.programs.{tenant}.>"),
            format!("$JS.API.STREAM.INFO.{transit}"),
            format!("$JS.API.STREAM.PURGE.{transit}"),
            format!("$KV.leases.{tenant}.>"),
            "d.>".to_owned(),
            "e.>".to_owned(),
            format!("reports.{tenant}.>"),
            "x.>".to_owned(),
        ],
        subscribe: vec![
            format!("$KV.programs.{tenant}.>"),
            "_INBOX_<user>.>".to_owned(),
        ],
    };
    let support = Permissions {
        publish: vec![
            format!("$JS.API.DIRECT.GET.{dead}"),
            format!("$JS.API.STREAM.MSG.DELETE.{dead}"),
            "e.>".to_owned(),
        ],
        subscribe: vec!["_INBOX_<user>.>".to_owned()],
    };
    [
        ("runtime".to_owned(), runtime),
        ("support".to_owned(), support),
    ]
}

pub(crate) fn program(tenant: &str, name: &str, publish: &[&str]) -> Program {
    let flow = flow(tenant, name);
    let subject = flow.edge_subject(&EdgeName::ingress());
    let publish = publish.iter().map(|to| Subject::new(*to).unwrap());
    let output = Output {
        path: "spec.sinks.out".into(),
        condition: Condition::Always,
        steps: Box::default(),
        target: Target::Topic {
            topic: "orders".to_owned(),
            contract: json!({}).into(),
            publish: publish.collect(),
            partitions: BTreeMap::new(),
        },
    };
    let stage = Stage {
        subject,
        input: Input {
            schema: json!({}).into(),
            check: false,
            path: "spec.source".into(),
        },
        steps: Box::default(),
        outputs: [("out".to_owned(), Box::new(output))].into_iter().collect(),
        on_error: Box::default(),
    };
    Program {
        version: vrsky_plan::VERSION,
        hash: Box::default(),
        tenant: TenantName::new(tenant).unwrap(),
        tenant_id: id(tenant),
        flow,
        generation: 0,
        suspended: false,
        source: Source::Topic {
            topic: format!("{tenant}/in"),
        },
        stages: [(EdgeName::ingress(), Box::new(stage))]
            .into_iter()
            .collect(),
        dead_letter_seconds: 600,
        max_payload: 1 << 20,
        partitions: 1,
        scale: None,
    }
    .sealed()
}
