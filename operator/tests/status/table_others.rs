//! The table for Tenants, Topics, Connectors and Grants.

use jiff::{SignedDuration, Timestamp};
use vrsky_compiler::Diagnostic;
use vrsky_crds::status::Status;
use vrsky_operator::status::facts::{
    Apply, ConnectorFacts, Deleting, End, Facts, GrantFacts, Revocation, TenantFacts, TopicFacts,
};
use vrsky_operator::status::{connector, grant, tenant, topic};

use crate::kstatus::Health;
use crate::situation::{error, judged, message, object, shown, start};

const AWAY: Apply<'_> = Apply::Away {
    message: "connection refused",
};
const CURRENT: (Health, &str, bool) = (Health::Current, "Healthy", true);
const IN_PROGRESS: (Health, &str, bool) = (Health::InProgress, "Progressing", false);
const FAILED: (Health, &str, bool) = (Health::Failed, "Degraded", false);

fn facts<'a>() -> Facts<'a> {
    Facts {
        namespace: "acme",
        name: "orders",
        generation: 2,
        apply: Apply::Done,
        ..Facts::default()
    }
}

#[track_caller]
fn assert_row(status: &Status, conditions: &[&str], verdicts: (Health, &str, bool)) {
    assert_eq!(shown(status), conditions);
    let judged = judged(&object(status, 2, false));
    assert_eq!(judged, (verdicts.0, verdicts.1.to_owned(), verdicts.2));
}

const READY: [&str; 4] = [
    "Accepted True Accepted 2",
    "ResolvedRefs True Resolved 2",
    "Programmed True Programmed 2",
    "Ready True Ready 2",
];

/// Topic, Tenant and Connector with the same facts.
fn plain(facts: Facts<'_>) -> [Status; 3] {
    let none = Status::default();
    let tenancy = TenantFacts {
        object: facts,
        ..TenantFacts::default()
    };
    [
        topic(&TopicFacts { object: facts }, &none, start()),
        tenant(&tenancy, &none, start()),
        connector(&ConnectorFacts { object: facts }, &none, start()),
    ]
}

#[test]
fn what_is_carried_out_is_ready() {
    for status in plain(facts()) {
        assert_row(&status, &READY, CURRENT);
    }
}

#[test]
fn a_mistake_stalls_at_once() {
    let mistake = error(401, "spec.contract", "not a contract");
    let diagnostics: [&Diagnostic; 1] = [&mistake];
    let rejected = [
        "Accepted False CompileError 2",
        "ResolvedRefs Unknown NotChecked 2",
        "Programmed False CompileError 2",
        "Ready False CompileError 2",
        "Stalled True CompileError 2",
    ];
    for status in plain(Facts {
        diagnostics: &diagnostics,
        ..facts()
    }) {
        assert_row(&status, &rejected, FAILED);
    }
}

#[test]
fn only_a_connector_does_not_need_the_broker() {
    let [topic, tenant, connector] = plain(Facts {
        apply: AWAY,
        ..facts()
    });
    let away = [
        READY[0],
        READY[1],
        "Programmed Unknown BrokerUnavailable 2",
        "Ready False BrokerUnavailable 2",
        "Reconciling True BrokerUnavailable 2",
    ];
    assert_row(&topic, &away, IN_PROGRESS);
    assert_row(&tenant, &away, IN_PROGRESS);
    assert_row(&connector, &READY, CURRENT);
}

#[test]
fn what_is_not_applied_yet_is_not_ready() {
    let [topic, ..] = plain(Facts {
        apply: Apply::Pending,
        ..facts()
    });
    let pending = [
        READY[0],
        READY[1],
        "Programmed False Progressing 2",
        "Ready False Progressing 2",
        "Reconciling True Progressing 2",
    ];
    assert_row(&topic, &pending, IN_PROGRESS);
}

#[test]
fn a_tenant_waits_for_its_namespaces_for_a_minute() {
    let facts = TenantFacts {
        object: facts(),
        missing: &["shop", "ops"],
        ..TenantFacts::default()
    };
    let conditions = |progress| {
        [
            "Accepted True Accepted 2",
            "ResolvedRefs False NamespaceNotFound 2",
            "Programmed False NamespaceNotFound 2",
            "Ready False NamespaceNotFound 2",
            progress,
        ]
    };
    let first = tenant(&facts, &Status::default(), start());
    assert_row(
        &first,
        &conditions("Reconciling True NamespaceNotFound 2"),
        IN_PROGRESS,
    );
    assert!(message(&first, "Ready").starts_with("the namespace `ops` and 1 more: no such"));
    let later = tenant(&facts, &first, start() + SignedDuration::from_secs(60));
    assert_row(
        &later,
        &conditions("Stalled True NamespaceNotFound 2"),
        FAILED,
    );
    let facts = TenantFacts {
        missing: &[],
        replaced: &["shop"],
        ..facts
    };
    let replaced = tenant(&facts, &first, start());
    assert_eq!(replaced.conditions[1].reason, "NamespaceReplaced");
}

fn granted<'a>(end: Option<End>) -> GrantFacts<'a> {
    GrantFacts {
        object: facts(),
        end,
        readers: 2,
        publishers_behind: false,
        revocation: None,
    }
}

#[test]
fn a_grant_that_stands_is_ready_and_counts_its_readers() {
    let status = grant(&granted(None), &Status::default(), start());
    assert_row(&status, &READY, CURRENT);
    assert_eq!(status.readers, Some(2));
}

#[test]
fn a_grant_is_ready_once_its_publishers_know_of_its_readers_and_stays_so() {
    let behind = GrantFacts {
        publishers_behind: true,
        ..granted(None)
    };
    let status = grant(&behind, &Status::default(), start());
    let conditions = [
        READY[0],
        READY[1],
        "Programmed False Progressing 2",
        "Ready False Progressing 2",
        "Reconciling True Progressing 2",
    ];
    assert_row(&status, &conditions, IN_PROGRESS);
    let ready = grant(&granted(None), &status, start());
    assert_row(&ready, &READY, CURRENT);
    // A publisher is edited.
    assert_eq!(grant(&behind, &ready, start()), ready);
}

#[test]
fn a_grant_to_nobody_stalls_after_a_minute() {
    let unknown = error(203, "spec.to.tenant", "unknown tenant `globex`");
    let facts = GrantFacts {
        object: Facts {
            diagnostics: &[&unknown],
            ..facts()
        },
        ..granted(None)
    };
    let first = grant(&facts, &Status::default(), start());
    assert_eq!(first.conditions[4].type_, "Reconciling");
    let later = grant(&facts, &first, start() + SignedDuration::from_secs(60));
    assert_eq!(later.conditions[4].type_, "Stalled");
    assert_eq!(later.conditions[1].reason, "RefNotPermitted");
}

#[test]
fn a_revoked_grant_is_ready_when_nothing_reaches_a_reader_any_more() {
    let pending = GrantFacts {
        object: Facts {
            apply: Apply::Pending,
            ..facts()
        },
        ..granted(Some(End::Revoked))
    };
    let status = grant(&pending, &Status::default(), start());
    let conditions = [
        READY[0],
        READY[1],
        "Programmed False Progressing 2",
        "Ready False Revoking 2",
        "Reconciling True Progressing 2",
    ];
    assert_row(&status, &conditions, IN_PROGRESS);

    let at: Timestamp = start() + SignedDuration::from_secs(1);
    let done = GrantFacts {
        readers: 0,
        revocation: Some(Revocation {
            at,
            messages_removed: 7,
        }),
        ..granted(Some(End::Revoked))
    };
    let status = grant(&done, &status, at);
    let conditions = [
        READY[0],
        READY[1],
        READY[2],
        "Ready True Revoked 2",
        "Revoked True Revoked 2",
    ];
    assert_row(&status, &conditions, CURRENT);
    let audit = status.revocation.clone().unwrap();
    assert_eq!((audit.at.0, audit.messages_removed), (at, 7));

    // The operator starts again and has forgotten it: the entry stands.
    let forgot = GrantFacts {
        revocation: None,
        ..done
    };
    assert_eq!(grant(&forgot, &status, at), status);
    // It is given back.
    let back = grant(&granted(None), &status, at);
    assert_row(&back, &READY, CURRENT);
    assert_eq!(back.revocation, None);
}

#[test]
fn an_expired_grant_is_what_was_asked_for() {
    let status = grant(&granted(Some(End::Expired)), &Status::default(), start());
    let conditions = [
        READY[0],
        READY[1],
        READY[2],
        "Ready True Expired 2",
        "Revoked True Expired 2",
    ];
    assert_row(&status, &conditions, CURRENT);
}

#[test]
fn a_grant_of_a_topic_that_is_gone_can_still_be_revoked() {
    let unknown = error(202, "spec.topic", "unknown topic `orders`");
    let facts = GrantFacts {
        object: Facts {
            diagnostics: &[&unknown],
            ..facts()
        },
        ..granted(Some(End::Revoked))
    };
    let status = grant(&facts, &Status::default(), start());
    assert_eq!(shown(&status)[3], "Ready True Revoked 2");
    assert_eq!(status.diagnostics.len(), 1);
}

#[test]
fn a_grant_is_revoked_although_it_has_mistakes() {
    let mistake = error(102, "spec.toppic", "unknown field `toppic`");
    let facts = GrantFacts {
        object: Facts {
            diagnostics: &[&mistake],
            ..facts()
        },
        ..granted(Some(End::Revoked))
    };
    let status = grant(&facts, &Status::default(), start());
    let conditions = [
        "Accepted False CompileError 2",
        "ResolvedRefs Unknown NotChecked 2",
        "Programmed False CompileError 2",
        "Ready False CompileError 2",
        "Stalled True CompileError 2",
        "Revoked True Revoked 2",
    ];
    assert_row(&status, &conditions, FAILED);
}

#[test]
fn what_is_deleted_before_it_was_ever_seen_has_all_conditions() {
    for status in plain(Facts {
        deleting: Some(Deleting::default()),
        ..facts()
    }) {
        let conditions = [
            "Accepted Unknown Deleting 2",
            "ResolvedRefs Unknown Deleting 2",
            "Programmed Unknown Deleting 2",
            "Ready False Draining 2",
            "Reconciling True Draining 2",
        ];
        assert_eq!(shown(&status), conditions);
        let (kstatus, argo, ready) = judged(&object(&status, 2, true));
        assert_eq!(
            (kstatus, argo.as_str(), ready),
            (Health::Terminating, "Progressing", false)
        );
    }
}
