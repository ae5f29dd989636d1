//! Two operators: one works, the other stands by. The one that works is stopped in its tracks, without
//! dying; the other takes over; and the first, when it wakes, writes nothing any more.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use serde_json::Value;
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::installed::{Installed, SOON};

fn flow(map: &str) -> String {
    format!(
        r"
apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: ticks, namespace: acme}}
spec:
  source:
    connector: generate
    with: {{every: 1s}}
    contract: {{fields: {{sequence: integer}}}}
  steps: [{{map: '{map}'}}]
  sinks: {{printed: {{connector: log}}}}
"
    )
}

/// Who leads, by the name of its pod.
fn leader(installed: &Installed) -> Option<String> {
    let lease = ["-n", NAMESPACE, "lease", "vrsky-operator"];
    let lease = installed.kubectl().get(&lease).ok()?;
    let holder = lease["spec"]["holderIdentity"].as_str()?;
    (!holder.is_empty()).then(|| holder.to_owned())
}

fn container(installed: &Installed, pod: &str) -> Value {
    let pod = installed.kubectl().get(&["-n", NAMESPACE, "pod", pod]);
    pod.unwrap()["status"]["containerStatuses"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_one_works_at_a_time() {
    let installed = Installed::fresh().await.unwrap();
    let kubectl = installed.kubectl();
    installed.install(&["--set=operator.replicas=2"]).unwrap();
    installed.tenant("acme", "").unwrap();
    kubectl.apply(&flow(". = {\"version\": 1}")).unwrap();
    installed.ready("acme", "flow/ticks").await.unwrap();

    // Stopped, it cannot renew its lease, and knows nothing of it.
    let first = leader(&installed).unwrap();
    let stopped = container(&installed, &first);
    let id = stopped["containerID"].as_str().unwrap();
    installed.cluster().signal(id, "SIGSTOP").unwrap();
    let other = || leader(&installed).filter(|now| *now != first);
    let second = vrsky_e2e::until(SOON, other)
        .await
        .expect("the other takes over");
    kubectl.apply(&flow(". = {\"version\": 2}")).unwrap();
    let told = installed.ready("acme", "flow/ticks").await.unwrap();
    assert_eq!(told["status"]["running"]["generation"], 2);

    // It wakes to an object that changed meanwhile, and ends: the kubelet starts it again.
    installed.cluster().signal(id, "SIGCONT").unwrap();
    let restarts = |status: &Value| status["restartCount"].as_u64().unwrap_or_default();
    let is_back = || {
        let now = container(&installed, &first);
        (restarts(&now) > restarts(&stopped) && now["ready"] == true).then_some(now)
    };
    let again = vrsky_e2e::until(SOON, is_back)
        .await
        .expect("the first ends, and stands by");
    let end = &again["lastState"]["terminated"];
    println!(
        "{first} was stopped, {second} took over, {first} ended with {}",
        end["exitCode"]
    );
    assert_ne!(end["exitCode"], 137, "it was killed, not ended by itself");
    assert_eq!(leader(&installed).unwrap(), second);
    let now = kubectl.get(&["-n", "acme", "flow", "ticks"]).unwrap();
    assert_eq!(now["status"], told["status"], "nobody wrote anything else");

    // The one that leads goes in good order: the other does not wait for the lease to end.
    let pod = ["delete", "pod", "-n", NAMESPACE, &second];
    kubectl.run(&pod).unwrap();
    let other = || leader(&installed).filter(|now| *now != second);
    vrsky_e2e::until(SOON, other)
        .await
        .expect("the first leads again");
    kubectl.apply(&flow(". = {\"version\": 3}")).unwrap();
    let told = installed.ready("acme", "flow/ticks").await.unwrap();
    assert_eq!(told["status"]["running"]["generation"], 3);
    installed.clear().unwrap();
}
