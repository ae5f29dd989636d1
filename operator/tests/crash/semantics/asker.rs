//! Somebody who asks an API server, and writes down what it answers: as much of it as two servers may
//! have in common.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::body::Body;
use futures_util::StreamExt;
use http::Request;
use kube::Client;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// Somebody who asks, and writes down what is answered.
pub(super) struct Asker {
    pub(super) client: Client,
    /// The UID and version last seen at each path.
    pub(super) seen: BTreeMap<String, (Value, Value)>,
    pub(super) answers: Vec<(String, Value)>,
}

impl Asker {
    pub(super) async fn get(&mut self, what: &str, path: &str) {
        self.ask(what, "GET", path, "", &Value::Null).await;
    }

    pub(super) async fn post(&mut self, what: &str, path: &str, body: &Value) {
        self.ask(what, "POST", path, "application/json", body).await;
    }

    pub(super) async fn put(&mut self, what: &str, path: &str, body: &Value) {
        self.ask(what, "PUT", path, "application/json", body).await;
    }

    pub(super) async fn patch(&mut self, what: &str, path: &str, form: &str, body: &Value) {
        self.ask(what, "PATCH", path, form, body).await;
    }

    pub(super) async fn delete(&mut self, what: &str, path: &str, body: &Value) {
        self.ask(what, "DELETE", path, "application/json", body)
            .await;
    }

    pub(super) async fn ask(
        &mut self,
        what: &str,
        method: &str,
        path: &str,
        form: &str,
        body: &Value,
    ) {
        let (code, object) = self.raw(method, path, form, body).await;
        let mut plain = path
            .split('?')
            .next()
            .unwrap()
            .trim_end_matches("/status")
            .to_owned();
        if method == "POST" {
            let name = body["metadata"]["name"].as_str().unwrap();
            plain = format!("{plain}/{name}");
        }
        let noted = self.digest(&plain, code, &object);
        self.answers
            .push((format!("{method} {path}: {what}"), noted));
    }

    /// What counts of an answer.
    fn digest(&mut self, path: &str, code: u16, object: &Value) -> Value {
        if object["kind"] == "Status" {
            return json!({"code": code, "status": object["status"], "reason": object["reason"]});
        }
        let metadata = &object["metadata"];
        let now = (metadata["uid"].clone(), metadata["resourceVersion"].clone());
        let before = self.seen.insert(path.to_owned(), now.clone());
        let mut labels = metadata["labels"].clone();
        if let Some(labels) = labels.as_object_mut() {
            labels.remove("kubernetes.io/metadata.name");
        }
        if labels.as_object().is_some_and(serde_json::Map::is_empty) {
            labels = Value::Null;
        }
        let mut annotations = metadata["annotations"].clone();
        if let Some(annotations) = annotations.as_object_mut() {
            // A controller that has not run yet, or has.
            annotations.remove("deployment.kubernetes.io/revision");
        }
        let is_ours = object["apiVersion"] == "vrsky.io/v1alpha1";
        json!({
            "code": code,
            "kind": object["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "another uid": before.as_ref().is_some_and(|it| it.0 != now.0),
            "another version": before.as_ref().is_some_and(|it| it.1 != now.1),
            "generation": metadata["generation"],
            "finalizers": metadata["finalizers"],
            "labels": labels,
            "annotations": annotations,
            "deleting": metadata["deletionTimestamp"].is_string(),
            "spec": if is_ours { &object["spec"] } else { &object["spec"]["replicas"] },
            "data": object["data"],
            "status": if is_ours { &object["status"] } else { &object["status"]["phase"] },
        })
    }

    /// The first events of a watch.
    pub(super) async fn watch(&mut self, what: &str, path: &str, count: usize) {
        let response = self
            .client
            .send(request("GET", path, "", &Value::Null))
            .await
            .unwrap();
        let code = response.status().as_u16();
        let mut chunks = Body::new(response.into_body()).into_data_stream();
        let mut text = String::new();
        while text.lines().count() < count || !text.ends_with('\n') {
            let chunk = tokio::time::timeout(SOON, chunks.next()).await.unwrap();
            let Some(chunk) = chunk else { break };
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
        let events: Vec<Value> = text
            .lines()
            .take(count)
            .map(|line| {
                let event: Value = serde_json::from_str(line).unwrap();
                let object = &event["object"];
                json!([
                    event["type"],
                    object["metadata"]["name"],
                    object["metadata"]["generation"],
                    object["reason"],
                    object["code"]
                ])
            })
            .collect();
        self.answers
            .push((what.to_owned(), json!({"code": code, "events": events})));
    }

    /// Waits until there is nothing at a path.
    pub(super) async fn gone(&mut self, what: &str, path: &str) {
        self.until(path, |code, _| code == 404).await;
        self.answers.push((what.to_owned(), Value::Null));
    }

    pub(super) async fn deleting(&mut self, what: &str, path: &str) {
        self.until(path, |_, object| {
            object["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
        self.get(what, path).await;
    }

    pub(super) async fn until(&self, path: &str, holds: impl Fn(u16, &Value) -> bool) {
        let began = Instant::now();
        loop {
            let (code, object) = self.raw("GET", path, "", &Value::Null).await;
            if holds(code, &object) {
                return;
            }
            assert!(began.elapsed() < SOON, "{path}: {object}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn raw(
        &self,
        method: &str,
        path: &str,
        form: &str,
        body: &Value,
    ) -> (u16, Value) {
        let response = self
            .client
            .send(request(method, path, form, body))
            .await
            .unwrap();
        let code = response.status().as_u16();
        let body = Body::new(response.into_body());
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (code, serde_json::from_slice(&bytes).unwrap())
    }
}

fn request(method: &str, path: &str, form: &str, body: &Value) -> Request<kube::client::Body> {
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let mut request = Request::builder().method(method).uri(path);
    if !form.is_empty() {
        request = request.header("content-type", form);
    }
    request.body(kube::client::Body::from(bytes)).unwrap()
}
