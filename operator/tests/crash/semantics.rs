//! The model answers as the API server does: the same requests to both, the same answers. What is
//! compared is what the operator depends on: codes and reasons, generations, whether a version or a
//! UID is another one, finalizers, what server-side apply takes away and leaves, watches, and what
//! ends by itself.

mod asker;

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use vrsky_e2e::chart;
use vrsky_e2e::cluster::Api;

use crate::gate::Gate;
use crate::model::Model;
use asker::Asker;

const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const TOPICS: &str = "/apis/vrsky.io/v1alpha1/namespaces/acme/topics";
const MAPS: &str = "/api/v1/namespaces/acme/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/acme/deployments";
const BY_US: &str = "fieldManager=vrsky-operator&force=true";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_answers_as_the_api_server_does() {
    let api = Api::with_controllers().unwrap();
    chart::apply_kinds(api.kubectl()).unwrap();
    let _there_may_be_one = rustls::crypto::ring::default_provider().install_default();
    let file = Kubeconfig::read_from(api.kubectl().kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(file, &options)
        .await
        .unwrap();
    let real = tell(Client::try_from(config).unwrap()).await;

    let model = Model::new();
    // The real one's first versions are long forgotten.
    model.compact();
    model.compact();
    let modelled = tell(model.client(&Arc::new(Gate::default()))).await;

    assert_eq!(real.len(), modelled.len());
    let differences: Vec<String> = real
        .iter()
        .zip(&modelled)
        .filter(|(real, modelled)| real != modelled)
        .map(|((what, real), (_, modelled))| format!("{what}\n  real  {real}\n  model {modelled}"))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("{} answers are the same", real.len());
}

async fn tell(client: Client) -> Vec<(String, Value)> {
    let mut asker = Asker {
        client,
        seen: BTreeMap::new(),
        answers: Vec::new(),
    };
    asker.namespaces().await;
    asker.statuses().await;
    asker.specs().await;
    asker.finalizers().await;
    asker.versions().await;
    asker.deployments().await;
    asker.watches().await;
    asker.ends().await;
    asker.answers
}

impl Asker {
    async fn namespaces(&mut self) {
        let acme = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "acme"}});
        self.post("a namespace", "/api/v1/namespaces", &acme).await;
        self.post("it again", "/api/v1/namespaces", &acme).await;
        self.get("it", "/api/v1/namespaces/acme").await;
        self.post("a topic", TOPICS, &topic("orders")).await;
        self.post("it again", TOPICS, &topic("orders")).await;
        let nowhere = TOPICS.replace("acme", "nowhere");
        let mut lost = topic("orders");
        self.post("a topic of another namespace", &nowhere, &lost)
            .await;
        lost["metadata"]["namespace"] = json!("nowhere");
        self.post("a topic in no namespace", &nowhere, &lost).await;
        self.get("a topic that is not there", &format!("{TOPICS}/none"))
            .await;
    }

    async fn statuses(&mut self) {
        let path = format!("{TOPICS}/orders/status");
        let ready = json!({"type": "Ready", "status": "True", "reason": "Ready", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1});
        let with = |kind: &str| {
            let mut condition = ready.clone();
            condition["type"] = json!(kind);
            condition
        };
        let object = format!("{TOPICS}/orders");
        let two = json!({"observedGeneration": 1, "conditions": [with("Accepted"), ready]});
        let three = json!({"observedGeneration": 1, "readers": 3,
            "conditions": [with("Accepted"), with("Programmed"), ready]});
        let first = self.seen[&object].1.clone();
        self.put("a status", &path, &status(&first, &two)).await;
        let now = self.seen[&object].1.clone();
        self.put("the same", &path, &status(&now, &two)).await;
        self.put("a condition between", &path, &status(&now, &three))
            .await;
        self.put("of a former version", &path, &status(&now, &two))
            .await;
        let now = self.seen[&object].1.clone();
        self.put("without it", &path, &status(&now, &two)).await;
        let missing = format!("{TOPICS}/none/status");
        let mut none = status(&now, &two);
        none["metadata"]["name"] = json!("none");
        self.put("of nothing", &missing, &none).await;
        self.get("a topic with a status", &object).await;
    }

    async fn specs(&mut self) {
        let path = format!("{TOPICS}/orders");
        let edit = json!({"spec": {"description": "orders"}});
        self.patch("an edit", &path, MERGE, &edit).await;
        self.patch("the same", &path, MERGE, &edit).await;
        let mark = json!({"metadata": {"annotations": {"example.com/by": "anna"}}});
        self.patch("an annotation", &path, MERGE, &mark).await;
        let forged = json!({"status": {"observedGeneration": 99}});
        self.patch("a status by the wrong door", &path, MERGE, &forged)
            .await;
        let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"description": "x"}});
        self.patch("a stale edit", &path, MERGE, &stale).await;
        let unsaid = json!({"spec": {"description": null}});
        self.patch("a field taken away", &path, MERGE, &unsaid)
            .await;
        let of_nothing = format!("{TOPICS}/none");
        self.patch("an edit of nothing", &of_nothing, MERGE, &edit)
            .await;
    }

    async fn finalizers(&mut self) {
        let path = format!("{TOPICS}/orders?{BY_US}");
        let uid = self.seen[&format!("{TOPICS}/orders")].0.clone();
        let ours = |finalizers: Value, uid: &Value| {
            json!({"apiVersion": "vrsky.io/v1alpha1", "kind": "Topic",
                "metadata": {"name": "orders", "uid": uid, "finalizers": finalizers}})
        };
        let kept = json!(["vrsky.io/finalizer"]);
        let stranger = json!("11111111-1111-4111-8111-111111111111");
        self.patch("a finalizer", &path, APPLY, &ours(kept.clone(), &uid))
            .await;
        self.patch("the same", &path, APPLY, &ours(kept.clone(), &uid))
            .await;
        self.patch(
            "of another object",
            &path,
            APPLY,
            &ours(kept.clone(), &stranger),
        )
        .await;
        let missing = format!("{TOPICS}/none?{BY_US}");
        let mut none = ours(kept, &stranger);
        none["metadata"]["name"] = json!("none");
        self.patch("of nothing", &missing, APPLY, &none).await;
        let both =
            json!({"metadata": {"finalizers": ["vrsky.io/finalizer", "example.com/theirs"]}});
        self.patch(
            "somebody else's beside it",
            &format!("{TOPICS}/orders"),
            MERGE,
            &both,
        )
        .await;

        let object = format!("{TOPICS}/orders");
        let wrong = json!({"preconditions": {"uid": stranger}});
        self.delete("the deletion of another object", &object, &wrong)
            .await;
        let wrong = json!({"preconditions": {"uid": uid, "resourceVersion": "1"}});
        self.delete("the deletion of another version", &object, &wrong)
            .await;
        let right = json!({"preconditions": {"uid": uid, "resourceVersion": self.seen[&object].1}});
        self.delete("the deletion", &object, &right).await;
        self.delete("it again", &object, &json!({})).await;
        self.get("what is being deleted", &object).await;
        let late = ours(json!(["vrsky.io/finalizer", "vrsky.io/late"]), &uid);
        self.patch("a finalizer too late", &path, APPLY, &late)
            .await;
        let now = self.seen[&object].1.clone();
        let late = status(&now, &json!({"observedGeneration": 3, "conditions": []}));
        self.put(
            "a status of what is being deleted",
            &format!("{object}/status"),
            &late,
        )
        .await;
        let off = |uid: &Value| {
            let theirs = json!(["example.com/theirs"]);
            json!({"metadata": {"uid": uid, "finalizers": theirs}})
        };
        self.patch("off another object", &object, MERGE, &off(&stranger))
            .await;
        self.patch("ours off", &object, MERGE, &off(&uid)).await;
        self.patch("ours on again", &object, MERGE, &both).await;
        self.get("theirs is left", &object).await;
        let free = json!({"metadata": {"finalizers": null}});
        self.patch("theirs off", &object, MERGE, &free).await;
        self.get("gone", &object).await;
        self.delete("the deletion of nothing", &object, &json!({}))
            .await;
        self.post("made again", TOPICS, &topic("orders")).await;
        self.patch(
            "a finalizer for the former one",
            &path,
            APPLY,
            &ours(json!([]), &uid),
        )
        .await;
    }

    async fn versions(&mut self) {
        let map = |version: Value, text: &str| {
            let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "own", "namespace": "acme"}, "data": {"file": text}});
            if !version.is_null() {
                map["metadata"]["resourceVersion"] = version;
            }
            map
        };
        let path = format!("{MAPS}/own");
        self.put("what is not there", &path, &map(json!("1"), "zero"))
            .await;
        self.post("a map", MAPS, &map(Value::Null, "one")).await;
        let first = self.seen[&path].1.clone();
        self.put("a replacement", &path, &map(first.clone(), "two"))
            .await;
        self.put("a stale one", &path, &map(first, "three")).await;
        let now = self.seen[&path].1.clone();
        self.put("the same", &path, &map(now, "two")).await;
        self.get("it", &path).await;
    }

    async fn deployments(&mut self) {
        let labels = json!({"app.kubernetes.io/name": "vrsky-runtime"});
        let deployment = |annotations: Value| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "runtime", "namespace": "acme", "labels": labels,
                    "annotations": annotations},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "runtime", "image": "example/runtime:1"}]}}}})
        };
        let path = format!("{DEPLOYMENTS}/runtime");
        let door = format!("{path}?{BY_US}");
        let two = deployment(json!({"vrsky.io/hash": "1", "vrsky.io/old": "x"}));
        let one = deployment(json!({"vrsky.io/hash": "2"}));
        self.patch("a deployment", &door, APPLY, &two).await;
        self.patch("the same", &door, APPLY, &two).await;
        let scaled = json!({"spec": {"replicas": 0}, "metadata": {"labels": {"team": "blue"}}});
        self.patch("scaled by somebody", &path, MERGE, &scaled)
            .await;
        self.patch("taken back", &door, APPLY, &one).await;
        self.patch("the same", &door, APPLY, &one).await;
        self.get("it", &path).await;
        let (uid, version) = self.seen[&path].clone();
        let old = json!({"preconditions": {"uid": uid, "resourceVersion": "1"},
            "propagationPolicy": "Background"});
        self.delete("the deletion of an old one", &path, &old).await;
        let seen = json!({"preconditions": {"uid": uid, "resourceVersion": version},
            "propagationPolicy": "Background"});
        self.delete("the deletion", &path, &seen).await;
        self.get("gone", &path).await;
    }

    async fn watches(&mut self) {
        let list = self.raw("GET", TOPICS, "", &Value::Null).await.1;
        let names = list["items"].as_array().unwrap().iter();
        let names: Vec<&Value> = names.map(|it| &it["metadata"]["name"]).collect();
        self.answers.push((
            "a list".to_owned(),
            json!({"kind": list["kind"], "names": names}),
        ));
        let version = list["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("{TOPICS}/watched");
        self.post("a topic that is watched", TOPICS, &topic("watched"))
            .await;
        let label = |value: Value| json!({"metadata": {"labels": {"colour": value}}});
        self.patch("labelled", &path, MERGE, &label(json!("blue")))
            .await;
        self.patch(
            "edited",
            &path,
            MERGE,
            &json!({"spec": {"description": "x"}}),
        )
        .await;
        self.patch("labelled no more", &path, MERGE, &label(Value::Null))
            .await;
        self.delete("deleted", &path, &json!({})).await;
        let all = format!("{TOPICS}?watch=1&resourceVersion={version}");
        self.watch("all of it", &all, 5).await;
        let blue = format!("{all}&labelSelector=colour%3Dblue");
        self.watch("while it is blue", &blue, 3).await;
        let by_name = format!("{all}&fieldSelector=metadata.name%3Dwatched");
        self.watch("of this name", &by_name, 5).await;
        let old = format!("{TOPICS}?watch=1&resourceVersion=1");
        self.watch("from a version that is forgotten", &old, 1)
            .await;
    }

    async fn ends(&mut self) {
        let map = |name: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": "acme"}})
        };
        self.post("an owner", MAPS, &map("owner")).await;
        let mut owned = map("owned");
        owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap",
            "name": "owner", "uid": self.seen[&format!("{MAPS}/owner")].0}]);
        self.post("what it owns", MAPS, &owned).await;
        self.delete("the owner deleted", &format!("{MAPS}/owner"), &json!({}))
            .await;
        self.gone("what it owned goes", &format!("{MAPS}/owned"))
            .await;

        let kept = json!({"metadata": {"finalizers": ["example.com/theirs"]}});
        let topic_path = format!("{TOPICS}/orders");
        self.patch("a topic that is kept", &topic_path, MERGE, &kept)
            .await;
        self.delete(
            "its namespace deleted",
            "/api/v1/namespaces/acme",
            &json!({}),
        )
        .await;
        self.post("a newcomer", TOPICS, &topic("late")).await;
        self.deleting("the topic is being deleted", &topic_path)
            .await;
        let free = json!({"metadata": {"finalizers": null}});
        self.patch("it is let go", &topic_path, MERGE, &free).await;
        self.gone("the namespace ends", "/api/v1/namespaces/acme")
            .await;
        self.get("with what was in it", &format!("{MAPS}/own"))
            .await;
    }
}

/// Nothing but what names the version, and the status.
fn status(version: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Topic",
        "metadata": {"name": "orders", "namespace": "acme", "resourceVersion": version},
        "status": status,
    })
}

fn topic(name: &str) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Topic",
        "metadata": {"name": name, "namespace": "acme"},
        "spec": {"contract": {"fields": {"id": "string"}}},
    })
}
