//! The judges judge as the originals do, also what the operator never writes.

use serde_json::{Value, json};

use crate::kstatus::{self, Health};
use crate::{argo, kubectl};

fn object(status: Value) -> Value {
    let mut object = json!({"metadata": {"generation": 2}});
    if !status.is_null() {
        object["status"] = status;
    }
    object
}

fn conditions(conditions: &[(&str, &str, i64)]) -> Value {
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(kind, status, generation)| {
            json!({"type": kind, "status": status, "reason": "R", "message": "m", "observedGeneration": generation})
        })
        .collect();
    object(json!({"observedGeneration": 2, "conditions": conditions}))
}

#[test]
fn kstatus_takes_an_object_without_a_status_for_done() {
    // So the CRDs' default of −1 matters; Argo CD and kubectl wait by themselves.
    let bare = object(Value::Null);
    assert_eq!(kstatus::compute(&bare), Ok(Health::Current));
    let defaulted = object(json!({"observedGeneration": -1}));
    assert_eq!(kstatus::compute(&defaulted), Ok(Health::InProgress));
    for unseen in [bare, defaulted] {
        assert_eq!(argo::health(&unseen).unwrap().0, "Progressing");
        assert!(!kubectl::is_ready(&unseen));
    }
}

#[test]
fn kstatus_refuses_what_it_cannot_read() {
    let broken = object(json!({"observedGeneration": "2"}));
    assert!(kstatus::compute(&broken).is_err());
    let broken = object(json!({"conditions": {"Ready": "True"}}));
    assert!(kstatus::compute(&broken).is_err());
}

#[test]
fn the_first_of_reconciling_and_stalled_decides_for_kstatus() {
    let both = [("Reconciling", "True", 2), ("Stalled", "True", 2)];
    assert_eq!(kstatus::compute(&conditions(&both)), Ok(Health::InProgress));
    let both = [both[1], both[0]];
    assert_eq!(kstatus::compute(&conditions(&both)), Ok(Health::Failed));
}

#[test]
fn a_condition_of_an_old_generation_is_not_ready() {
    let old = conditions(&[("Ready", "True", 1)]);
    assert!(!kubectl::is_ready(&old));
    assert_eq!(argo::health(&old).unwrap().0, "Progressing");
    // kstatus does not look at a condition's generation: that is what `Reconciling` is for.
    assert_eq!(kstatus::compute(&old), Ok(Health::Current));
}

#[test]
fn false_conditions_say_nothing() {
    let quiet = [
        ("Stalled", "False", 2),
        ("Reconciling", "Unknown", 2),
        ("Suspended", "False", 2),
        ("Ready", "True", 2),
    ];
    let object = conditions(&quiet);
    assert_eq!(kstatus::compute(&object), Ok(Health::Current));
    assert_eq!(argo::health(&object).unwrap().0, "Healthy");
    assert!(kubectl::is_ready(&object));
}

#[test]
fn argo_tells_trouble_that_leaves_a_flow_healthy() {
    let troubled = conditions(&[("Ready", "True", 2), ("Degraded", "True", 2)]);
    let (health, message) = argo::health(&troubled).unwrap();
    assert_eq!(
        (health.as_str(), message.as_str()),
        ("Healthy", "R: m; Degraded: m")
    );
}

#[test]
fn argo_fails_loudly_on_what_it_cannot_read() {
    // A script that fails is `Unknown` in Argo CD, never healthy.
    let broken = object(json!({"observedGeneration": 2, "conditions": "none"}));
    assert!(argo::health(&broken).is_err());
}
