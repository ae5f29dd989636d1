//! A Git repository behind smart HTTP, as hosting services offer it: Flux and Argo CD fetch from nothing less.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

/// Larger than anything that a story pushes.
const LARGEST: usize = 1 << 20;

/// A repository with one branch, `main`, and a working copy of it. Its server ends when dropped.
#[derive(Debug)]
pub struct Repository {
    url: String,
    folder: TempDir,
    server: JoinHandle<std::io::Result<()>>,
}

impl Repository {
    /// Makes an empty one, served on a free port of 127.0.0.1.
    pub async fn serve() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("vrsky-git-").tempdir()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/flows.git", listener.local_addr()?);
        let root = folder.path().join("served");
        let router = Router::new().fallback(answer).with_state(root.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let repository = Self {
            url,
            folder,
            server,
        };
        let bare = root.join("flows.git");
        let bare = bare.to_str().context("a path in UTF-8")?;
        repository.git(&["init", "--quiet", "--bare", bare]).await?;
        // Refused to strangers by default, and everybody is a stranger here.
        let open = ["-C", bare, "config", "http.receivepack", "true"];
        repository.git(&open).await?;
        repository
            .git(&["init", "--quiet", "--initial-branch=main", "."])
            .await?;
        let remote = repository.url.clone();
        repository
            .git(&["remote", "add", "origin", &remote])
            .await?;
        Ok(repository)
    }

    /// Where to fetch it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Commits a file as it is to be, and pushes; the commit's id.
    pub async fn push(&self, file: &str, text: &str) -> anyhow::Result<String> {
        std::fs::write(self.folder.path().join(file), text)?;
        self.git(&["add", file]).await?;
        let message = format!("--message=change {file}");
        self.git(&["commit", "--quiet", &message]).await?;
        self.pushed().await
    }

    /// Takes the last commit back by another, and pushes; its id.
    pub async fn revert(&self) -> anyhow::Result<String> {
        self.git(&["revert", "--no-edit", "HEAD"]).await?;
        self.pushed().await
    }

    async fn pushed(&self) -> anyhow::Result<String> {
        self.git(&["push", "--quiet", "origin", "main"]).await?;
        let head = self.git(&["rev-parse", "HEAD"]).await?;
        Ok(head.trim().to_owned())
    }

    async fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = git(self.folder.path()).args(arguments).output().await?;
        anyhow::ensure!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Git, whatever this machine's user has configured.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).kill_on_drop(true).envs([
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@acme.example"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@acme.example"),
    ]);
    command
}

async fn answer(State(served): State<std::path::PathBuf>, request: Request) -> Response {
    match backend(&served, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Asks `git http-backend`, a CGI program (RFC 3875).
async fn backend(served: &Path, request: Request) -> anyhow::Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await?;
    let value = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let mut command = git(served);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", served)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string());
    for (name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = value(name) {
            command.env(variable, value);
        }
    }
    let mut backend = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = backend.stdin.take().context("a pipe")?;
    let writing = async move { input.write_all(&body).await };
    let (written, output) = tokio::join!(writing, backend.wait_with_output());
    written?;
    respond(&output?.stdout)
}

/// A response, of a CGI program's output: headers, an empty line, the body.
fn respond(output: &[u8]) -> anyhow::Result<Response> {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("git http-backend answered without headers")?;
    let (head, body) = (&output[..end], &output[end + 4..]);
    let mut response = Response::new(Body::from(body.to_vec()));
    for line in std::str::from_utf8(head)?.lines() {
        let (name, value) = line.split_once(": ").context("a header without a colon")?;
        if name == "Status" {
            let code = value.split(' ').next().context("a status")?;
            *response.status_mut() = code.parse()?;
        } else {
            let name: header::HeaderName = name.parse()?;
            response.headers_mut().insert(name, value.parse()?);
        }
    }
    Ok(response)
}
