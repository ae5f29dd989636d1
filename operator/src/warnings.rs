//! Warnings at `kubectl apply`: a validating webhook that says what the compiler would, and admits
//! everything, but for what [`Refusals`] are asked for. Nothing depends on it: a repository is applied in
//! any order, and what runs is not disturbed by an invalid object anyway.

mod access;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use k8s_openapi::api::authentication::v1::UserInfo;
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::health::Health;
use crate::kinds::Kind;
use crate::refusals::{Refusals, Write};

pub use access::Access;

/// Questions that wait for the loop, at most; who comes then gets no warnings.
const WAITING: usize = 16;
/// Connections of API servers, at most.
const CONNECTIONS: usize = 32;
/// How long an answer may take, and a body to arrive. The API server waits a second longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a client may take to greet, or to come back on an open connection.
const IDLE: Duration = Duration::from_secs(30);
/// An object as it is and as it was, in bytes: etcd holds 1.5 MiB of one.
const LARGEST: usize = 3 << 20;

/// What would be said of an object, if it were so?
#[derive(Debug)]
pub struct Question {
    /// Its kind, one of VRSky's.
    pub kind: Kind,
    /// The object.
    pub object: DynamicObject,
    /// For the answer, in lines.
    pub answer: oneshot::Sender<Vec<String>>,
}

/// Where questions go, and where they come out.
pub fn channel() -> (mpsc::Sender<Question>, mpsc::Receiver<Question>) {
    mpsc::channel(WAITING)
}

/// Who answers.
#[derive(Clone)]
pub struct Asking {
    /// Where warnings are asked for.
    pub questions: mpsc::Sender<Question>,
    /// Whether this operator knows anything.
    pub health: Arc<Health>,
    /// `None`: everything is admitted.
    pub refusals: Option<Refusals>,
}

/// The part of an `AdmissionReview` (admission.k8s.io/v1) that is read.
#[derive(Deserialize)]
struct Review {
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    user_info: UserInfo,
    object: DynamicObject,
    old_object: Option<DynamicObject>,
}

/// Serves until it is dropped. A certificate that was renewed counts from the next connection on.
pub async fn serve(listener: TcpListener, mut access: Access, asking: Asking) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, say: try again a little later.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Err(error) = access.renew() {
            tracing::warn!(event = "certificate_not_renewed", %error);
        }
        let (tls, router) = (access.tls.clone(), router(&access.path, asking.clone()));
        tokio::spawn(async move {
            connection(stream, tls, router).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, router: Router) {
    let Ok(Ok(stream)) = timeout(IDLE, tls.accept(stream)).await else {
        return;
    };
    let _gone = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

fn router(path: &str, asking: Asking) -> Router {
    let path = format!("/warn/{path}");
    Router::new().route(&path, post(warn)).with_state(asking)
}

async fn warn(State(asking): State<Asking>, body: Body) -> Response {
    // One that trickles would hold its connection.
    let Ok(Ok(body)) = timeout(PATIENCE, to_bytes(body, LARGEST)).await else {
        return (StatusCode::BAD_REQUEST, "too large or too slow\n").into_response();
    };
    let Ok(Review { request }) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "no AdmissionReview\n").into_response();
    };
    let uid = request.uid.clone();
    // Nothing is said, where nobody knows in time.
    let answer = timeout(PATIENCE, asking.answer(request)).await;
    let mut response = answer.ok().flatten().unwrap_or(json!({"allowed": true}));
    response["uid"] = json!(uid);
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, answer.to_string()).into_response()
}

impl Asking {
    /// The response of an `AdmissionReview`, but for `uid`. `None`: nobody knows anything.
    async fn answer(&self, request: Request) -> Option<Value> {
        let object = request.object;
        let name = object.types.as_ref()?.kind.as_str();
        let kind = Kind::OURS.into_iter().find(|kind| kind.name() == name)?;
        let write = Write {
            kind,
            object: object.clone(),
            before: request.old_object,
            user: request.user_info,
        };
        if let Some(refusals) = &self.refusals
            && let Some(message) = refusals.refuse(write).await
        {
            // Not `Invalid`: with `force`, Flux deletes what was answered so, and makes it anew.
            let status = json!({"code": 403, "reason": "Forbidden", "message": message});
            return Some(json!({"allowed": false, "status": status}));
        }
        // One that stands by knows nothing more.
        if !self.health.is_leading() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let question = Question {
            kind,
            object,
            answer,
        };
        self.questions.try_send(question).ok()?;
        let warnings = answered.await.ok()?;
        Some(json!({"allowed": true, "warnings": warnings}))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::extract::State;
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use super::{Asking, Health, LARGEST, Question, channel, warn};
    use crate::refusals::tests::refusals;

    fn review() -> Body {
        let object = json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Flow",
            "metadata": {"name": "orders", "namespace": "acme"},
            "spec": {},
        });
        let user = json!({"username": "ann", "groups": ["system:authenticated"]});
        let review = json!({"request": {"uid": "one", "userInfo": user, "object": object}});
        Body::from(review.to_string())
    }

    async fn response(asking: Asking, body: Body) -> (StatusCode, Value) {
        let response = warn(State(asking), body).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await;
        let body = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
        (status, body)
    }

    #[tokio::test]
    async fn all_are_admitted_and_the_leader_warns() {
        let (questions, mut asked) = channel();
        let health = Arc::new(Health::default());
        let asking = Asking {
            questions,
            health: Arc::clone(&health),
            refusals: None,
        };
        // It stands by: nobody is asked.
        let (status, answer) = response(asking.clone(), review()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["response"], json!({"uid": "one", "allowed": true}));
        health.leads();
        let answering = async {
            let Some(Question { object, answer, .. }) = asked.recv().await else {
                return;
            };
            let name = object.metadata.name.unwrap_or_default();
            let _ = answer.send(vec![format!("what is {name}?")]);
        };
        let (answer, ()) = tokio::join!(response(asking, review()), answering);
        let warnings = json!(["what is orders?"]);
        assert_eq!(
            answer.1["response"],
            json!({"uid": "one", "allowed": true, "warnings": warnings})
        );
    }

    #[tokio::test]
    async fn who_stands_by_refuses_too_what_nothing_could_cure() {
        let (questions, _asked) = channel();
        let asking = Asking {
            questions,
            health: Arc::default(),
            refusals: Some(refusals(Some(&[]))),
        };
        let (status, answer) = response(asking, review()).await;
        assert_eq!(status, StatusCode::OK);
        let response = &answer["response"];
        assert_eq!(response["uid"], "one");
        assert_eq!(response["allowed"], false);
        // Of a 422 or a 409, Flux makes a deletion where it may.
        assert_eq!(response["status"]["code"], 403);
        let message = response["status"]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("error[VRS0104] spec"), "{message}");
    }

    #[tokio::test]
    async fn what_is_no_review_is_refused() {
        let (questions, _asked) = channel();
        let health = Arc::default();
        let asking = Asking {
            questions,
            health,
            refusals: None,
        };
        let large = " ".repeat(LARGEST + 1);
        for body in ["{}", "{", large.as_str()] {
            let (status, _) = response(asking.clone(), Body::from(body.to_owned())).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
    }
}
