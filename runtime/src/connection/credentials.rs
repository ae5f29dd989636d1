//! The file with the user's JWT and key: read anew for each connection, so that renewed credentials
//! are used without a restart. Links are followed: a Kubernetes volume swaps its content by a link.

use std::path::{Path, PathBuf};

use async_nats::{Auth, AuthError, ConnectOptions};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde::Deserialize;

/// A user who may connect.
struct Credentials {
    /// The user's name, which is part of its inboxes.
    user: String,
    token: String,
    key: KeyPair,
}

/// Options that read the file whenever a connection is made; the user stays the same.
pub(super) fn options(path: &Path) -> Result<ConnectOptions, String> {
    let user = read(path)?.user;
    let prefix = format!("_INBOX_{user}");
    let path: PathBuf = path.to_owned();
    let options = ConnectOptions::with_auth_callback(move |nonce| {
        let auth = authorize(&path, &user, &nonce);
        async move { auth.map_err(AuthError::new) }
    });
    Ok(options.custom_inbox_prefix(prefix))
}

fn authorize(path: &Path, user: &str, nonce: &[u8]) -> Result<Auth, String> {
    let credentials = read(path)?;
    if credentials.user != user {
        // Its inboxes, and so every answer under way, would be another's.
        return Err(format!(
            "the credentials are now of the user {}, not of {user}: start the process anew",
            credentials.user
        ));
    }
    let mut auth = Auth::new();
    auth.signature = Some(
        credentials
            .key
            .sign(nonce)
            .map_err(|error| error.to_string())?,
    );
    auth.jwt = Some(credentials.token);
    Ok(auth)
}

fn read(path: &Path) -> Result<Credentials, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    parse(&text)
}

fn parse(text: &str) -> Result<Credentials, String> {
    let token = below(text, "BEGIN NATS USER JWT").ok_or("it holds no user JWT")?;
    let user = user_name(token).ok_or("it holds no user JWT with a name")?;
    let key = below(text, "BEGIN USER NKEY SEED")
        .and_then(|seed| KeyPair::from_seed(seed).ok())
        .ok_or("it holds no key")?;
    Ok(Credentials {
        user,
        token: token.to_owned(),
        key,
    })
}

fn below<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.contains(title));
    lines.nth(1).map(str::trim)
}

/// The name of the user in a JWT.
fn user_name(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        name: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let fits = !claims.name.is_empty()
        && claims
            .name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    fits.then_some(claims.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]

    use super::{authorize, parse};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use nkeys::KeyPair;

    fn file(claims: &str) -> String {
        let token = format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
        let seed = KeyPair::new_user().seed().unwrap();
        format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }

    #[test]
    fn the_users_name_comes_from_the_token() {
        let text = file(r#"{"name":"runtime-1","sub":"U"}"#);
        assert_eq!(parse(&text).ok().unwrap().user, "runtime-1");
    }

    #[test]
    fn a_name_that_is_no_token_is_refused() {
        let text = file(r#"{"name":"a.*"}"#);
        assert_eq!(
            parse(&text).err().unwrap(),
            "it holds no user JWT with a name"
        );
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        let text = file(r#"{"name":"a"}"#).replace("SEED", "SALT");
        assert_eq!(parse(&text).err().unwrap(), "it holds no key");
    }

    #[test]
    fn a_file_that_became_another_users_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("creds");
        std::fs::write(&path, file(r#"{"name":"runtime-2"}"#)).unwrap();
        let error = authorize(&path, "runtime-1", b"nonce").err().unwrap();
        assert!(error.contains("start the process anew"), "{error}");
        assert!(authorize(&path, "runtime-2", b"nonce").is_ok());
    }
}
