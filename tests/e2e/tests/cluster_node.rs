//! The one-node cluster: an image that we packed runs as a pod under the restricted profile, is found
//! by its service's name from another pod, and is there again after the API server's death.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use vrsky_e2e::cluster::{Cluster, Forward, Kubectl};
use vrsky_e2e::image::Image;
use vrsky_e2e::{Folder, cache};

const NAMESPACE: &str = "story-cluster-node";
const SOON: Duration = Duration::from_mins(1);

/// A pod that may run in a namespace which enforces the restricted profile.
fn server(name: &str, config: &str) -> String {
    format!(
        r"
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {{server.conf: '{config}'}}
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  containers:
  - name: nats
    image: localhost/nats-server:dev
    args: [--config, /etc/nats/server.conf, --http_port, '8222']
    readinessProbe: {{httpGet: {{path: /healthz, port: 8222}}, periodSeconds: 1}}
    volumeMounts: [{{name: config, mountPath: /etc/nats}}]
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      capabilities: {{drop: [ALL]}}
      seccompProfile: {{type: RuntimeDefault}}
  volumes: [{{name: config, configMap: {{name: {name}}}}}]
"
    )
}

/// What a server says of its leaf connections.
fn leaves(kubectl: &Kubectl, pod: &str) -> Value {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8222/proxy/leafz");
    serde_json::from_str(&kubectl.run(&["get", "--raw", &path]).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_run_and_find_each_other_by_name() {
    let cluster = Cluster::shared().unwrap();
    let kubectl = cluster.kubectl();
    let folder = Folder::empty().unwrap();
    let file = folder.path().join("nats-server.tar");
    let program = cache::nats_server().unwrap();
    let image = Image::of("localhost/nats-server:dev", &program).unwrap();
    image.write(&file).unwrap();
    cluster.load(&file).unwrap();

    let fresh = ["delete", "namespace", NAMESPACE, "--ignore-not-found"];
    kubectl.run(&fresh).unwrap();
    kubectl.run(&["create", "namespace", NAMESPACE]).unwrap();
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl
        .run(&["label", "namespace", NAMESPACE, label])
        .unwrap();

    // `leaf` knows `hub` by its name alone.
    let hub = server("hub", r#"leafnodes { listen: "0.0.0.0:7422" }"#);
    let url = format!("nats-leaf://hub.{NAMESPACE}.svc.cluster.local:7422");
    let leaf = server(
        "leaf",
        &format!(r#"leafnodes {{ reconnect: 1, remotes: [{{ url: "{url}" }}] }}"#),
    );
    let service = "
apiVersion: v1
kind: Service
metadata: {name: hub}
spec: {selector: {app: hub}, ports: [{port: 7422}]}
";
    let manifests = [hub, leaf, service.to_owned()].join("---\n");
    kubectl.apply_in(NAMESPACE, &manifests).unwrap();
    let ready = ["-n", NAMESPACE, "--for=condition=Ready", "pod", "--all"];
    kubectl.wait(&ready, SOON).unwrap();
    let joined = vrsky_e2e::until(SOON, || {
        let leaves = leaves(kubectl, "hub");
        (leaves["leafnodes"] == 1).then_some(leaves)
    });
    let joined = joined.await.expect("the leaf finds the hub");
    assert!(
        joined["leafs"][0]["ip"]
            .as_str()
            .unwrap()
            .starts_with("10.")
    );

    // A door from outside leads to the server itself.
    let door = Forward::open(kubectl, NAMESPACE, "pod/hub", 4222).unwrap();
    let mut greeting = String::new();
    let stream = TcpStream::connect(door.address()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    BufReader::new(stream).read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("INFO {"), "{greeting}");

    kubectl
        .run(&["delete", "namespace", NAMESPACE, "--timeout=60s"])
        .unwrap();
}
