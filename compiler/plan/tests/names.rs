//! Names are checked once, and what passes is safe as one NATS token or Kubernetes name.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use vrsky_plan::{EdgeName, FlowId, StreamName, Subject, TenantId, TenantName, platform};

#[test]
fn a_tenant_name_is_a_dns_label_of_forty_characters() {
    for good in ["acme", "a", "a-1", &"x".repeat(40)] {
        assert!(TenantName::new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "Acme",
        "-a",
        "a-",
        "a.b",
        "a_b",
        "a*",
        "ä",
        &"x".repeat(41),
    ] {
        assert!(TenantName::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn wildcards_and_white_space_are_no_subject() {
    for bad in [
        "",
        "e.",
        ".e",
        "e..in",
        "e.*",
        "e.>",
        "e. in",
        "e.\tin",
        "e.in\r\nPUB x",
    ] {
        assert!(Subject::new(bad).is_err(), "{bad:?}");
        assert!(StreamName::new(bad).is_err(), "{bad:?}");
    }
    assert!(Subject::new("e.default_shop.in").is_ok());
}

#[test]
fn an_id_depends_on_the_uid_alone_and_is_one_token() {
    let id = TenantId::of("1b671a64-40d5-491e-99b0-da01ff1f3341");
    assert_eq!(id, TenantId::of("1b671a64-40d5-491e-99b0-da01ff1f3341"));
    assert_ne!(id, TenantId::of("acme"));
    assert!(TenantId::new(id.as_str()).is_ok());
}

#[test]
fn no_flow_can_take_the_place_of_the_index() {
    let tenant = TenantId::of("acme");
    let flow = FlowId::new("default", "index").unwrap();
    assert_ne!(
        platform::program_key(&tenant, &flow),
        platform::index_key(&tenant)
    );
}

proptest! {
    #[test]
    fn two_flows_never_share_a_token(
        a in "[a-z0-9][a-z0-9-]{0,8}[a-z0-9]", b in "[a-z0-9][a-z0-9-]{0,8}[a-z0-9]",
        c in "[a-z0-9][a-z0-9-]{0,8}[a-z0-9]", d in "[a-z0-9][a-z0-9-]{0,8}[a-z0-9]",
    ) {
        let (one, other) = (FlowId::new(&a, &b).unwrap(), FlowId::new(&c, &d).unwrap());
        prop_assert_eq!(one == other, one.token() == other.token());
    }

    #[test]
    fn whatever_is_accepted_survives_the_wire(text in "\\PC{0,60}") {
        if let Ok(subject) = Subject::new(text.clone()) {
            let json = serde_json::to_string(&subject).unwrap();
            prop_assert_eq!(serde_json::from_str::<Subject>(&json).unwrap(), subject);
            prop_assert!(!text.contains(['*', '>', ' ', '\n', '\r', '\t', '\0']));
        }
        if let Ok(edge) = EdgeName::sink(&text) {
            prop_assert!(!edge.as_str().contains('.'));
        }
    }
}
