//! The way of `kubectl vrsky dlq` to NATS, with and without TLS.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::Server;

/// A certificate for `localhost` that vouches for itself.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args([
            "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// What the server answers to a client that knows nothing of TLS: its greeting, and the word after a PING.
fn speak(url: &str, trusted: &Path) -> Result<(Value, String), String> {
    let mut relay = Command::new(env!("CARGO_BIN_EXE_vrsky-runtime"))
        .args(["relay", url])
        .env("SSL_CERT_FILE", trusted)
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = relay.stdin.take().unwrap();
    let mut lines = BufReader::new(relay.stdout.take().unwrap()).lines();
    let Some(greeting) = lines.next() else {
        let output = relay.wait_with_output().unwrap();
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    };
    let greeting = greeting.unwrap();
    let greeting = serde_json::from_str(greeting.strip_prefix("INFO ").unwrap()).unwrap();
    input
        .write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")
        .unwrap();
    let answer = lines.next().unwrap().unwrap();
    // The relay ends with whoever speaks through it.
    drop(input);
    assert!(relay.wait().unwrap().success());
    Ok((greeting, answer))
}

#[test]
fn it_passes_on_what_is_said() {
    let server = Server::start();
    let (greeting, answer) = speak(&server.address(), Path::new("/dev/null")).unwrap();
    assert_eq!(greeting["port"], server.port);
    assert_eq!(answer, "PONG");
}

#[test]
fn it_speaks_tls_for_who_cannot_and_trusts_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    certificate(folder.path());
    let server = Server::configured(&format!(
        "tls {{ cert_file: {:?}, key_file: {:?} }}",
        path("cert.pem"),
        path("key.pem")
    ));
    let url = format!("tls://localhost:{}", server.port);
    let (greeting, answer) = speak(&url, &path("cert.pem")).unwrap();
    assert_eq!(greeting["tls_required"], false);
    assert_eq!(answer, "PONG");

    let other = tempfile::tempdir().unwrap();
    certificate(other.path());
    let refused = speak(&url, &other.path().join("cert.pem")).unwrap_err();
    assert!(
        refused.contains("cannot relay to tls://localhost"),
        "{refused}"
    );
    assert!(refused.contains("certificate"), "{refused}");
    // The name that the certificate says, not where it happens to be.
    let elsewhere = format!("tls://127.0.0.1:{}", server.port);
    let refused = speak(&elsewhere, &path("cert.pem")).unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
}
