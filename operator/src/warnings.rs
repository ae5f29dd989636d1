//! What is wrong, where people look: a validating webhook that says at `kubectl apply` what the compiler
//! would, and a mutating one that has Flux's Kustomizations say why they fail. Both admit everything, and
//! nothing depends on them: a repository is applied in any order, and what runs is not disturbed by an
//! invalid object anyway.

mod access;
mod kustomization;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use data_encoding::BASE64;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use kube::Client;
use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::health::Health;
use crate::kinds::Kind;

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
    /// For objects that a Kustomization names.
    pub client: Client,
}

/// The part of an `AdmissionReview` (admission.k8s.io/v1) that is read.
#[derive(Deserialize)]
struct Review {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    uid: String,
    object: DynamicObject,
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
    Router::new()
        .route(&format!("/warn/{path}"), post(warn))
        .route(&format!("/explain/{path}"), post(explain))
        .with_state(asking)
}

/// Warns of what is about to be stored, an object of ours.
async fn warn(State(asking): State<Asking>, body: Body) -> Response {
    answer(body, async |object| asking.warnings(object).await).await
}

/// Has what is about to be stored, the status of a Kustomization, say why.
async fn explain(State(asking): State<Asking>, body: Body) -> Response {
    let patch = async |object| {
        let patch = kustomization::explain(&asking.client, &object).await;
        let patch = BASE64.encode(Value::from(patch).to_string().as_bytes());
        Some(json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
    };
    answer(body, patch).await
}

/// Answers an `AdmissionReview` by the response for its object, but for `uid`. Everything is admitted, and
/// nothing is said where nobody knows in time.
async fn answer(
    body: Body,
    response: impl AsyncFnOnce(DynamicObject) -> Option<Value>,
) -> Response {
    // One that trickles would hold its connection.
    let Ok(Ok(body)) = timeout(PATIENCE, to_bytes(body, LARGEST)).await else {
        return (StatusCode::BAD_REQUEST, "too large or too slow\n").into_response();
    };
    let Ok(Review { request }) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "no AdmissionReview\n").into_response();
    };
    let response = timeout(PATIENCE, response(request.object)).await;
    let mut response = response.ok().flatten().unwrap_or(json!({"allowed": true}));
    response["uid"] = json!(request.uid);
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, answer.to_string()).into_response()
}

impl Asking {
    /// What the compiler says. One that stands by knows nothing.
    async fn warnings(&self, object: DynamicObject) -> Option<Value> {
        let name = object.types.as_ref()?.kind.as_str();
        let kind = Kind::OURS.into_iter().find(|kind| kind.name() == name)?;
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
    use axum::response::Response;
    use serde_json::{Value, json};

    use super::{Asking, Health, LARGEST, Question, channel, explain, warn};
    use crate::fake_api;

    fn review() -> Body {
        let object = json!({
            "apiVersion": "vrsky.io/v1alpha1",
            "kind": "Flow",
            "metadata": {"name": "orders", "namespace": "acme"},
            "spec": {},
        });
        let review = json!({"request": {"uid": "one", "object": object}});
        Body::from(review.to_string())
    }

    /// One that stands by, and that nobody hears.
    fn asking() -> Asking {
        Asking {
            questions: channel().0,
            health: Arc::default(),
            client: fake_api::client(|_, _, _| fake_api::refused(404, "NotFound")),
        }
    }

    async fn response(asking: Asking, body: Body) -> (StatusCode, Value) {
        read(warn(State(asking), body).await).await
    }

    async fn read(response: Response) -> (StatusCode, Value) {
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
            ..asking()
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
    async fn who_stands_by_explains_too() {
        let kustomization = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "flows", "namespace": "acme"},
        });
        let review = json!({"request": {"uid": "one", "object": kustomization}});
        let body = Body::from(review.to_string());
        let answer = explain(State(asking()), body).await;
        let (status, answer) = read(answer).await;
        assert_eq!(status, StatusCode::OK);
        // An empty patch.
        let response =
            json!({"uid": "one", "allowed": true, "patchType": "JSONPatch", "patch": "W10="});
        assert_eq!(answer["response"], response);
    }

    #[tokio::test]
    async fn what_is_no_review_is_refused() {
        let asking = asking();
        let large = " ".repeat(LARGEST + 1);
        for body in ["{}", "{", large.as_str()] {
            let (status, _) = response(asking.clone(), Body::from(body.to_owned())).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
    }
}
