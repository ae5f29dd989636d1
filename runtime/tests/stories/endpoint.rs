//! An HTTP server that answers as told and remembers whom it has answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

type Answer = Arc<dyn Fn(&str, usize) -> u16 + Send + Sync>;

/// The server.
pub struct Endpoint {
    port: u16,
    seen: Arc<Mutex<BTreeMap<String, usize>>>,
    authorization: Arc<Mutex<String>>,
}

impl Endpoint {
    /// `answer` gets how often the same message was seen before, and says the status.
    pub async fn start(
        pause: Duration,
        answer: impl Fn(usize) -> u16 + Send + Sync + 'static,
    ) -> Self {
        Self::answering(pause, move |_, before| answer(before)).await
    }

    /// Ends the process whose id lies in the answer, as a crash would, when the message `id` comes.
    pub async fn deadly(id: &'static str) -> (Self, Arc<AtomicU32>) {
        let process = Arc::new(AtomicU32::new(0));
        let victim = Arc::clone(&process);
        let endpoint = Self::answering(Duration::ZERO, move |seen, _| {
            if seen == id {
                let process = victim.load(Ordering::SeqCst).to_string();
                let mut kill = std::process::Command::new("kill");
                assert!(kill.args(["-KILL", &process]).status().unwrap().success());
            }
            204
        });
        (endpoint.await, process)
    }

    async fn answering(
        pause: Duration,
        answer: impl Fn(&str, usize) -> u16 + Send + Sync + 'static,
    ) -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let seen: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let (answer, remembered): (Answer, _) = (Arc::new(answer), Arc::clone(&seen));
        let authorization: Arc<Mutex<String>> = Arc::default();
        let authorized = Arc::clone(&authorization);
        let router = Router::new().fallback(move |headers: HeaderMap| {
            let (answer, seen) = (Arc::clone(&answer), Arc::clone(&remembered));
            if let Some(value) = headers.get("authorization") {
                let text = value.to_str().unwrap();
                text.clone_into(&mut authorized.lock().unwrap());
            }
            async move {
                tokio::time::sleep(pause).await;
                let id = headers["idempotency-key"].to_str().unwrap().to_owned();
                let before = {
                    let mut seen = seen.lock().unwrap();
                    let times = seen.entry(id.clone()).or_default();
                    *times += 1;
                    *times - 1
                };
                StatusCode::from_u16(answer(&id, before)).unwrap()
            }
        });
        tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
        Self {
            port,
            seen,
            authorization,
        }
    }

    /// The parameters of a sink that sends here.
    pub fn with(&self) -> Value {
        json!({"url": format!("http://127.0.0.1:{}/in", self.port), "timeout": "5s"})
    }

    /// With what the last request was authorized.
    pub fn authorization(&self) -> String {
        self.authorization.lock().unwrap().clone()
    }

    /// How often each message was seen.
    pub fn seen(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap().clone()
    }
}
