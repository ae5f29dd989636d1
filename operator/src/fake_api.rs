//! An API server of a few words, for unit tests.

use std::convert::Infallible;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// A client that is answered by method, path and body: a status, and a body.
pub(crate) fn client(
    answer: impl Fn(&str, &str, &Value) -> (u16, Value) + Clone + Send + 'static,
) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap_or_default();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (code, body) = answer(head.method.as_str(), head.uri.path(), &body);
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            if let Ok(status) = code.try_into() {
                *response.status_mut() = status;
            }
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, "default")
}

/// The answer to what cannot be done.
pub(crate) fn refused(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"code": code, "reason": reason}))
}

/// The answer to who lists objects.
pub(crate) fn list(items: &Value) -> (u16, Value) {
    let list = json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "List",
        "metadata": {},
        "items": items,
    });
    (200, list)
}
