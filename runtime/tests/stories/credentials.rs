//! Credentials are renewed while the process runs.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::server::Server;
use crate::world::{Runtime, until};

/// A server in operator mode with one account, and that account's key.
fn server() -> (Server, KeyPair) {
    let (operator, system, account) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
    );
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1,
    });
    let of = |key: &KeyPair| {
        let nats = json!({"type": "account", "version": 2, "limits": limits});
        token(&operator, key, "account", &nats, None)
    };
    let itself = json!({"type": "operator", "version": 2});
    let server = Server::configured(&format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}",
        token(&operator, &operator, "operator", &itself, None),
        system.public_key(),
        system.public_key(),
        of(&system),
        account.public_key(),
        of(&account),
    ));
    (server, account)
}

fn token(
    issuer: &KeyPair,
    subject: &KeyPair,
    name: &str,
    nats: &Value,
    lives: Option<Duration>,
) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut claims = json!({
        "jti": "x", "iat": now.as_secs(), "iss": issuer.public_key(),
        "sub": subject.public_key(), "name": name, "nats": nats,
    });
    if let Some(lives) = lives {
        claims["exp"] = (now + lives).as_secs().into();
    }
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&claims));
    let signature = issuer.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// New credentials of the same user, put where a projected volume of Kubernetes has them.
fn renew(volume: &Path, version: &str, account: &KeyPair, lives: Option<Duration>) {
    let user = KeyPair::new_user();
    let nats = json!({
        "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
        "pub": {}, "sub": {},
    });
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        token(account, &user, "runtime-acme1", &nats, lives),
        user.seed().unwrap(),
    );
    let content = format!("..{version}");
    std::fs::create_dir_all(volume.join(&content)).unwrap();
    std::fs::write(volume.join(&content).join("user.creds"), text).unwrap();
    symlink(&content, volume.join("..data_tmp")).unwrap();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
}

#[tokio::test]
async fn renewed_credentials_are_used_when_the_old_ones_expire() {
    let (server, account) = server();
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join("creds");
    renew(&volume, "1", &account, Some(Duration::from_secs(5)));
    symlink("..data/user.creds", volume.join("user.creds")).unwrap();
    let arguments = ["--creds", "creds/user.creds", "--health", "127.0.0.1:0"];
    let runtime = Runtime::start(&server, folder.path(), &arguments);
    until("a connection", || async {
        runtime.happened("connected") == 1
    })
    .await;
    renew(&volume, "2", &account, None);
    // The server ends the connection of a user whose token has expired.
    until("a second connection", || async {
        let (_, metrics) = runtime.ask("/metrics").await;
        runtime.happened("disconnected") == 1
            && metrics.contains("vrsky_nats_connected 1\n")
            && metrics.contains("vrsky_nats_connections_total 2\n")
    })
    .await;
}
