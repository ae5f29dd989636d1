//! Situations, and what is said of them.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn flow(ready: &str, reason: &str, more: &Value) -> Value {
    let mut conditions =
        vec![json!({"type": "Ready", "status": ready, "reason": reason, "message": "so it is"})];
    conditions.extend(more.as_array().into_iter().flatten().cloned());
    json!({
        "metadata": {"generation": 2},
        "spec": {"source": {"topic": "orders"}, "sinks": {"out": {"connector": "log"}}},
        "status": {"observedGeneration": 2, "conditions": conditions},
    })
}

fn situation(flow: Value) -> Situation {
    Situation {
        namespace: "acme".to_owned(),
        name: "shop".to_owned(),
        flow,
        references: Vec::new(),
        deployment: ("vrsky-runtime".to_owned(), Found::Hidden),
        pods: Found::Hidden,
        edges: BTreeMap::new(),
    }
}

#[test]
fn a_ready_flow_has_no_failure() {
    let trace = judge(&situation(flow("True", "Running", &json!([]))));
    assert_eq!(trace.failure, None);
    assert_eq!(trace.next, None);
}

#[test]
fn a_mistake_is_the_first_failure_and_its_page_the_advice() {
    let wrong = json!([{"type": "Accepted", "status": "False", "reason": "CompileError"}]);
    let mut flow = flow("False", "CompileError", &wrong);
    flow["status"]["diagnostics"] = json!([
        {"code": "VRS0402", "severity": "error", "path": "spec.steps[0].map", "message": "no"},
    ]);
    let trace = judge(&situation(flow));
    let failure = trace.failure.unwrap_or_default();
    assert_eq!(
        failure,
        ["flow/shop", "manifest", "VRS0402 spec.steps[0].map"]
    );
    assert_eq!(trace.next.as_deref(), Some("vrsky explain VRS0402"));
}

#[test]
fn a_crashing_pod_is_found_below_its_deployment() {
    let mut situation = situation(flow("False", "CrashLoopBackOff", &json!([])));
    let deployment = json!({"spec": {"replicas": 1}, "status": {}});
    situation.deployment.1 = Found::There(deployment);
    situation.pods = Found::There(vec![json!({
        "metadata": {"name": "one"},
        "status": {"phase": "Running", "containerStatuses": [{
            "ready": false,
            "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        }]},
    })]);
    let trace = judge(&situation);
    let failure = trace.failure.unwrap_or_default();
    assert_eq!(
        failure,
        ["flow/shop", "deployment/vrsky-runtime", "pod/one"]
    );
    let pod = &trace
        .tree
        .children
        .last()
        .map(|it| it.children[0].says.clone());
    let said = "CrashLoopBackOff; ended before with code 137 (OOMKilled); 3 restarts";
    assert_eq!(pod.as_deref(), Some(said));
}

#[test]
fn the_edges_that_a_pod_reads_stand_below_it_and_the_grant_beside() {
    let mut situation = situation(flow("True", "Running", &json!([])));
    let offer = json!({"grant": "globex/sold", "expires": "2027-06-30T00:00:00Z"});
    let topic = "globex/orders".to_owned();
    situation.references = vec![("grant", topic, Found::There(offer))];
    situation.deployment.1 = Found::There(json!({"spec": {"replicas": 1}, "status": {}}));
    situation.pods = Found::There(vec![json!({"metadata": {"name": "one"}})]);
    let edges = BTreeMap::from([(EdgeName::ingress(), 7)]);
    situation.edges = BTreeMap::from([("one".to_owned(), Found::There(edges))]);
    let tree = judge(&situation).tree;
    let grant = &tree.children[1];
    assert_eq!(
        (&*grant.what, grant.state),
        ("grant globex/sold", State::Well)
    );
    assert!(
        grant
            .says
            .ends_with("globex/orders, until 2027-06-30T00:00:00Z")
    );
    let pod = &tree.children.last().unwrap_or(&tree).children[0];
    let edge = &pod.children[0];
    assert_eq!((&*edge.what, &*edge.says), ("edge in", "7 waiting"));
    // Without the grant that is what fails.
    situation.flow = flow("False", "RefNotPermitted", &json!([]));
    situation.references[0].2 = Found::Missing;
    let failure = judge(&situation).failure.unwrap_or_default();
    assert_eq!(failure, ["flow/shop", "topic globex/orders"]);
}

#[test]
fn a_generation_that_nobody_has_seen_is_no_success() {
    let mut flow = flow("True", "Running", &json!([]));
    flow["metadata"]["generation"] = json!(3);
    let trace = judge(&situation(flow));
    assert_eq!(trace.failure, Some(vec!["flow/shop".to_owned()]));
}

#[test]
fn reasons_lead_to_the_advice_of_the_page() {
    let found = of_page("SecretNotFound").unwrap_or_default();
    assert!(
        found.starts_with("make it in the flow's namespace"),
        "{found}"
    );
    assert_eq!(of_page("Running"), None);
}
