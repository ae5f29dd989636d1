#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod answers;
mod signatures;

use std::sync::Arc;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vrsky_plan::program::Decode;

use super::Source;
use crate::connectors::inlet::Inlet;
use crate::connectors::inlet::tests::Memory;
use crate::connectors::{Context, fixture};

/// A listener that serves, and what flows store.
struct Fixture {
    folder: TempDir,
    context: Context,
    memory: Arc<Memory>,
    inlet: Inlet,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = fixture::context(folder.path()).await;
        let (memory, inlet) = Memory::inlet();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (listener, end) = (context.listener.clone(), stop.clone());
        tasks.spawn(async move { listener.serve(end).await });
        Self {
            folder,
            context,
            memory,
            inlet,
            stop,
            tasks,
        }
    }

    /// Opens a source and runs it until the end of the test.
    async fn run(&self, with: Value, decode: Decode) -> Arc<Source> {
        let source = Arc::new(Source::open(&with, decode, &self.context).unwrap());
        let (running, inlet, stop) = (source.clone(), self.inlet.clone(), self.stop.clone());
        self.tasks
            .spawn(async move { running.run(inlet, stop).await });
        while source.route.enter().is_none() {
            tokio::task::yield_now().await;
        }
        source
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.context.listener.address());
        self.context.http.request(method, url)
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::POST, path).body(body)
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Status, `Retry-After` and body.
async fn read(response: Response) -> (u16, Option<String>, Value) {
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after");
    let after = after.map(|value| value.to_str().unwrap().to_owned());
    let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (status, after, body)
}
