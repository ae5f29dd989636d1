//! A message's id and metadata, from the request's headers.

use std::collections::BTreeMap;
use std::fmt::Write;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::config::Verify;

/// Headers that prove who the sender is: they stay out of messages, or a flow could pass them on.
const WITHHELD: [&str; 9] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "webhook-signature",
    "x-api-key",
    "x-gitlab-token",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-webhook-signature",
];

/// The sender's own id of the delivery, so that one sent twice is stored once; else a new one.
pub(super) fn id(verify: Option<&Verify>, headers: &HeaderMap) -> String {
    let names: &[&str] = match verify {
        Some(Verify::StandardWebhooks(_)) => &["webhook-id"],
        Some(Verify::Github(_)) => &["x-github-delivery"],
        None => &["webhook-id", "x-github-delivery"],
    };
    let given = names.iter().find_map(|name| headers.get(*name));
    match given.map(http::HeaderValue::as_bytes) {
        None | Some([]) => Uuid::now_v7().to_string(),
        Some(given) => token(given),
    }
}

/// The headers by lower-case name, and when the request came.
pub(super) fn metadata(headers: &HeaderMap) -> BTreeMap<&'static str, Value> {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        if WITHHELD.contains(&name.as_str()) {
            continue;
        }
        let text = texts.entry(name.as_str()).or_default();
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(value);
    }
    BTreeMap::from([
        ("time", json!(Timestamp::now().to_string())),
        ("headers", json!(texts)),
    ])
}

/// An id that fits into a header of NATS: as it came where it is short and plain, else its hash.
fn token(given: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if given.len() <= 128 && given.iter().all(plain) {
        return String::from_utf8_lossy(given).into_owned();
    }
    let mut text = String::from("sha256-");
    for byte in Sha256::digest(given) {
        write!(text, "{byte:02x}").expect("a string takes all that is written");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn a_delivery_sent_twice_has_one_id() {
        let mut headers = HeaderMap::new();
        headers.insert("x-github-delivery", "72d3162e-cc78-11e3".parse().unwrap());
        assert_eq!(id(None, &headers), "72d3162e-cc78-11e3");
        headers.insert("webhook-id", "msg 1/2".parse().unwrap());
        let hashed = id(None, &headers);
        assert!(
            hashed.starts_with("sha256-") && hashed.len() == 71,
            "{hashed}"
        );
        assert_eq!(id(None, &headers), hashed);
    }

    #[test]
    fn a_delivery_without_an_id_gets_a_new_one() {
        let mut headers = HeaderMap::new();
        assert_ne!(id(None, &headers), id(None, &headers));
        headers.insert("webhook-id", "".parse().unwrap());
        assert_ne!(id(None, &headers), id(None, &headers));
    }

    #[test]
    fn proofs_of_identity_stay_out_of_the_metadata() {
        let mut headers = HeaderMap::new();
        for name in WITHHELD {
            headers.insert(name, "proof".parse().unwrap());
        }
        headers.append("x-kind", "one".parse().unwrap());
        headers.append("x-kind", "two".parse().unwrap());
        assert_eq!(metadata(&headers)["headers"], json!({"x-kind": "one, two"}));
    }
}
