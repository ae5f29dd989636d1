//! The API server by plain requests: for benchmarks, where starting `kubectl` would be measured.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::Context as _;
use reqwest::{Certificate, Method, Response};
use serde_json::Value;

/// A user of a cluster. Cloned at little cost; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    token: String,
}

impl Client {
    /// The user of a kubeconfig that this harness wrote: JSON, with a token and a file of authorities.
    pub fn new(kubeconfig: &Path) -> anyhow::Result<Self> {
        // Fails if there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
        let field = |path: &str| {
            let found = config.pointer(path).and_then(Value::as_str);
            found.with_context(|| format!("{} has no {path}", kubeconfig.display()))
        };
        let authority = std::fs::read(field("/clusters/0/cluster/certificate-authority")?)?;
        Ok(Self {
            http: reqwest::Client::builder()
                .tls_certs_only([Certificate::from_pem(&authority)?])
                .build()?,
            server: field("/clusters/0/cluster/server")?.to_owned(),
            token: field("/users/0/user/token")?.to_owned(),
        })
    }

    /// Creates an object in the collection at `path`.
    pub async fn create(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        self.send(Method::POST, path, "application/json", object)
            .await
            .map(drop)
    }

    /// Merges `change` into the object at `path`.
    pub async fn merge(&self, path: &str, change: &Value) -> anyhow::Result<()> {
        self.send(Method::PATCH, path, "application/merge-patch+json", change)
            .await
            .map(drop)
    }

    /// The object or list at `path`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let bytes = self.open(path).await?.bytes().await?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Watches the collection at `path`: its objects as they are, then as they change.
    pub async fn watch(&self, path: &str) -> anyhow::Result<Watch> {
        Ok(Watch {
            response: self.open(&format!("{path}?watch=1")).await?,
            lines: VecDeque::new(),
            rest: Vec::new(),
        })
    }

    async fn open(&self, path: &str) -> anyhow::Result<Response> {
        let request = self.http.get(format!("{}{path}", self.server));
        accepted(path, request.bearer_auth(&self.token).send().await?).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        form: &str,
        body: &Value,
    ) -> anyhow::Result<Response> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.server))
            .bearer_auth(&self.token)
            .header("content-type", form)
            .body(body.to_string());
        accepted(path, request.send().await?).await
    }
}

async fn accepted(path: &str, response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = response.text().await.unwrap_or_default();
    anyhow::bail!("{path}: {status}: {said}")
}

/// A watch under way.
#[derive(Debug)]
pub struct Watch {
    response: Response,
    /// Whole lines.
    lines: VecDeque<Vec<u8>>,
    /// What came after the last of them.
    rest: Vec<u8>,
}

impl Watch {
    /// The next object, as it is now; an error when the server ends the watch.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                let mut event: Value = serde_json::from_slice(&line)?;
                return Ok(event["object"].take());
            }
            let more = self.response.chunk().await?;
            self.rest
                .extend_from_slice(&more.context("the watch ended")?);
            if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                let whole: Vec<u8> = self.rest.drain(..=end).collect();
                let lines = whole.split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.is_empty());
                self.lines.extend(lines.map(<[u8]>::to_vec));
            }
        }
    }
}
