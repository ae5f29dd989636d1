//! Tokens of NATS: `base64url(header) . base64url(claims) . base64url(signature)`, without padding.
//!
//! Written here because the crates for them use wrong field names or unsafe defaults. Format:
//! `github.com/nats-io/jwt/v2`, claims version 2.

mod account;
mod user;

pub use account::{Account, Export, Import, Kind, Role};
pub use user::ScopedUser;
pub(crate) use user::full_user;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::KeyPair;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Error;

/// The claims of an operator, self-signed: `name`, its public key, and the system account's.
pub fn operator(name: &str, subject: &str, system_account: &str) -> Value {
    json!({
        "name": name,
        "sub": subject,
        "nats": {"system_account": system_account, "type": "operator", "version": 2},
    })
}

/// Signs `claims` (`name`, `sub`, `nats`) with `issued_at` in seconds since 1970. `jti` is a hash of
/// all the rest: servers take tokens of equal `jti` for equal.
pub fn sign(claims: &Value, issued_at: u64, issuer: &KeyPair) -> Result<String, Error> {
    let mut claims = claims.clone();
    claims["iat"] = json!(issued_at);
    claims["iss"] = json!(issuer.public_key());
    claims["jti"] = json!(BASE32_NOPAD.encode(&Sha256::digest(claims.to_string().as_bytes())));
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let body = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    let signature = BASE64URL_NOPAD.encode(&issuer.sign(format!("{header}.{body}").as_bytes())?);
    Ok(format!("{header}.{body}.{signature}"))
}

/// The claims of a token, unverified: for comparing what a server holds with what it should. `None`
/// if it is no token.
pub fn claims(token: &str) -> Option<Value> {
    let body = token.trim().split('.').nth(1)?;
    let json = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
    serde_json::from_slice(&json).ok()
}

/// When a token was issued, in seconds since 1970; 0 if it does not say.
pub fn issued_at(claims: &Value) -> u64 {
    claims["iat"].as_u64().unwrap_or(0)
}

/// True if both say the same, whenever they were issued.
pub fn same(left: &Value, right: &Value) -> bool {
    left["name"] == right["name"] && left["sub"] == right["sub"] && left["nats"] == right["nats"]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_token_reads_back_as_it_was_signed() {
        let operator_key = KeyPair::new_operator();
        let account = KeyPair::new_account().public_key();
        let wanted = operator("test", &operator_key.public_key(), &account);
        let token = sign(&wanted, 1_700_000_000, &operator_key).unwrap();
        let read = claims(&token).unwrap();
        assert!(same(&read, &wanted));
        assert_eq!(issued_at(&read), 1_700_000_000);
        assert_eq!(read["iss"], json!(operator_key.public_key()));
        assert!(!token.contains('='));
    }

    #[test]
    fn the_same_claims_give_the_same_token_and_another_time_another_id() {
        let key = KeyPair::new_operator();
        let wanted = operator("test", &key.public_key(), "A");
        let first = sign(&wanted, 5, &key).unwrap();
        assert_eq!(first, sign(&wanted, 5, &key).unwrap());
        let later = sign(&wanted, 6, &key).unwrap();
        assert_ne!(
            claims(&first).unwrap()["jti"],
            claims(&later).unwrap()["jti"]
        );
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        assert_eq!(claims("hello"), None);
        assert_eq!(claims("a.b.c"), None);
    }
}
