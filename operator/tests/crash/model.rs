//! A model of the API server, as far as the operator and its users ask it: held in memory, copied in
//! no time, and deterministic. What it does not know it refuses with 501, so that no test passes by
//! what it does not do; that it answers as the real one does is `semantics.rs`' matter.

mod apply;
mod change;
mod kinds;
mod read;
mod route;
mod store;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::gate::{Gate, Pass};

use self::route::Route;
pub(crate) use self::store::{Path, Store};

/// One API server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Model {
    store: Arc<Mutex<Store>>,
    /// The last version, for those who watch.
    version: Arc<watch::Sender<u64>>,
}

/// What is answered: a status code and an object.
pub(crate) type Answer = (StatusCode, Value);

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            store: Arc::default(),
            version: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Everything, to be put back later.
    pub(crate) fn copy(&self) -> Store {
        self.lock().clone()
    }

    /// Puts everything back as it was. Watches of before see nothing of it: they have to be new.
    pub(crate) fn put_back(&self, store: &Store) {
        self.lock().clone_from(store);
    }

    /// Forgets what has happened: whoever watches from a version before now is told so.
    pub(crate) fn compact(&self) {
        self.lock().compact();
        self.tell();
    }

    /// The objects as they are, by path.
    pub(crate) fn objects(&self) -> Vec<(Path, Value)> {
        self.lock().all()
    }

    /// One object.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let (status, object) = self.ask(&Method::GET, path, "", &Value::Null);
        status.is_success().then_some(object)
    }

    /// A request of somebody who is not the operator.
    pub(crate) fn ask(&self, method: &Method, path: &str, form: &str, body: &Value) -> Answer {
        let answer = match Route::parse(path) {
            Some(route) => self.lock().answer(method, &route, form, body),
            None => refused(StatusCode::NOT_FOUND, "NotFound", path),
        };
        self.tell();
        answer
    }

    /// A client whose requests pass a gate.
    pub(crate) fn client(&self, gate: &Arc<Gate>) -> Client {
        let (model, gate) = (self.clone(), Arc::clone(gate));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (model, gate) = (model.clone(), Arc::clone(&gate));
            async move { Ok::<_, Infallible>(model.serve(request, &gate).await) }
        });
        Client::new(service, "default")
    }

    async fn serve(&self, request: Request<kube::client::Body>, gate: &Gate) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let uri = parts.uri.to_string();
        let header = |name| {
            let value = parts.headers.get(name);
            value.and_then(|it| it.to_str().ok()).unwrap_or_default()
        };
        let is_metadata = header(header::ACCEPT).contains("as=PartialObjectMetadata");
        let form = header(header::CONTENT_TYPE).to_owned();
        let bytes = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let is_write = parts.method != Method::GET;
        let pass = if is_write {
            gate.enter(&format!("{} {}", parts.method, parts.uri.path()))
        } else {
            gate.read()
        };
        if pass == Pass::Dead {
            return std::future::pending().await;
        }
        if let Some(route) = Route::parse(&uri).filter(|route| route.watches && !is_write) {
            return self.watch(route);
        }
        let answer = match pass {
            Pass::Failed => away(),
            _ => self.ask(&parts.method, &uri, &form, &body),
        };
        if pass == Pass::Last {
            gate.die();
            return std::future::pending().await;
        }
        let is_said = pass != Pass::Unsaid;
        let (status, mut object) = if is_said { answer } else { away() };
        if is_metadata && status.is_success() {
            object = json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadata",
                "metadata": object["metadata"],
            });
        }
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(object.to_string()))
            .unwrap()
    }

    /// Lines of JSON, as things happen, until whoever asks goes away.
    fn watch(&self, route: Route) -> Response<Body> {
        let start = (self.clone(), self.version.subscribe(), route.version, false);
        let route = Arc::new(route);
        let lines = stream::unfold(start, move |(model, mut news, at, is_over)| {
            let route = Arc::clone(&route);
            async move {
                if is_over {
                    return None;
                }
                loop {
                    news.borrow_and_update();
                    let said = model.lock().since(&route, at);
                    match said {
                        Err(line) => {
                            let line = Bytes::from(line);
                            return Some((Ok::<_, Infallible>(line), (model, news, at, true)));
                        }
                        Ok((lines, now)) if !lines.is_empty() => {
                            return Some((Ok(Bytes::from(lines)), (model, news, now, false)));
                        }
                        Ok(_) => news.changed().await.ok()?,
                    }
                }
            }
        });
        Response::new(Body::from_stream(lines))
    }

    fn tell(&self) {
        let version = self.lock().version();
        self.version.send_if_modified(|known| {
            let is_news = *known != version;
            *known = version;
            is_news
        });
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an API server says that is about to go.
fn away() -> Answer {
    let code = StatusCode::SERVICE_UNAVAILABLE;
    refused(code, "ServiceUnavailable", "apiserver is shutting down")
}

/// A `Status` that says no.
pub(crate) fn refused(code: StatusCode, reason: &str, message: &str) -> Answer {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code.as_u16(),
    });
    (code, status)
}
