#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod outcomes;
mod requests;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use vrsky_types::Contract;

use super::Sink;
use crate::connectors::{Blocked, Context, Outcome, fixture};

/// A server that notes what it is sent and answers as it is told.
struct Server {
    base: TempDir,
    context: Context,
    address: String,
    noted: Arc<Noted>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Noted {
    requests: Mutex<Vec<Request>>,
    answer: Mutex<Option<Answer>>,
}

/// Status and headers.
type Answer = (u16, Vec<(&'static str, String)>);

#[derive(Clone, Debug)]
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Server {
    async fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let context = fixture::context(base.path()).await;
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", socket.local_addr().unwrap());
        let noted = Arc::new(Noted::default());
        let router = Router::new().fallback(note).with_state(noted.clone());
        let task = tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
        Self {
            base,
            context,
            address,
            noted,
            task,
        }
    }

    /// A sink with the server's address and these parameters.
    fn open(&self, with: Value) -> Result<Sink, Blocked> {
        let mut with = with;
        with.as_object_mut()
            .unwrap()
            .entry("url")
            .or_insert(json!(self.address));
        let anything = json!({"ref": {}, "page": {}, "q": {}, "none": {}, "title": {}});
        let contract = Contract::new(json!({"type": "object", "properties": anything})).unwrap();
        Sink::open(&with, contract.payload(), &self.context, "spec.sinks.erp")
    }

    /// Delivers one message; the server's last request.
    async fn request(&self, with: Value, payload: Value) -> Request {
        let sink = self.open(with).unwrap();
        let outcome = sink.deliver(&mut fixture::message(payload), "m-1").await;
        assert_eq!(outcome, Outcome::Delivered);
        self.noted.requests.lock().unwrap().last().cloned().unwrap()
    }

    /// Delivers one message that the server answers so.
    async fn outcome(&self, status: u16, headers: &[(&'static str, &str)]) -> Outcome {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        *self.noted.answer.lock().unwrap() = Some((status, headers));
        let sink = self.open(json!({"query": {"token": "hidden"}})).unwrap();
        sink.deliver(&mut fixture::message(json!({"card": "4242"})), "m-1")
            .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn note(
    State(noted): State<Arc<Noted>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    noted.requests.lock().unwrap().push(Request {
        method,
        uri,
        headers,
        body,
    });
    let answer = noted.answer.lock().unwrap().clone();
    let (status, headers) = answer.unwrap_or((204, Vec::new()));
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
