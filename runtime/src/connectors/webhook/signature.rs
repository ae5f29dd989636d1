//! Signatures over the raw body.
//!
//! GitHub: <https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries>.
//! Standard Webhooks: <https://github.com/standard-webhooks/standard-webhooks>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::Sha256;

use super::config::Verify;

/// How far a signed timestamp may be from now, in seconds, either way.
const TOLERANCE: i64 = 300;

/// Checks a request. `secrets`: one a line, any may match, so that a secret can be changed without a
/// gap. `now`: seconds since 1970. The error is safe to show to anybody.
pub(super) fn check(
    verify: &Verify,
    secrets: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<(), &'static str> {
    let keys = keys(verify, secrets);
    match verify {
        Verify::Github(_) => github(&keys, headers, body),
        Verify::StandardWebhooks(_) => standard(&keys, headers, body, now),
    }
}

/// The keys among the lines of `secrets`; lines that cannot be keys are left out.
pub(super) fn keys(verify: &Verify, secrets: &str) -> Vec<Vec<u8>> {
    let lines = secrets
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    match verify {
        Verify::Github(_) => lines.map(|line| line.as_bytes().to_vec()).collect(),
        Verify::StandardWebhooks(_) => lines
            .filter_map(|line| {
                STANDARD
                    .decode(line.strip_prefix("whsec_").unwrap_or(line))
                    .ok()
            })
            .collect(),
    }
}

fn github(keys: &[Vec<u8>], headers: &HeaderMap, body: &[u8]) -> Result<(), &'static str> {
    let header = text(headers, "x-hub-signature-256").ok_or("the signature is missing")?;
    let hex = header
        .strip_prefix("sha256=")
        .ok_or("the signature is malformed")?;
    let signature = unhex(hex).ok_or("the signature is malformed")?;
    let matches = |key: &Vec<u8>| mac(key, &[body]).verify_slice(&signature).is_ok();
    if keys.iter().any(matches) {
        Ok(())
    } else {
        Err("the signature does not match")
    }
}

fn standard(
    keys: &[Vec<u8>],
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<(), &'static str> {
    let (Some(id), Some(timestamp), Some(signatures)) = (
        text(headers, "webhook-id"),
        text(headers, "webhook-timestamp"),
        text(headers, "webhook-signature"),
    ) else {
        return Err("the signature is missing");
    };
    let seconds: i64 = timestamp
        .parse()
        .map_err(|_| "the timestamp is malformed")?;
    if now.abs_diff(seconds) > TOLERANCE.unsigned_abs() {
        return Err("the timestamp is too far from now");
    }
    let signatures: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .collect();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    for key in keys {
        let mac = mac(key, &signed);
        if signatures
            .iter()
            .any(|signature| mac.clone().verify_slice(signature).is_ok())
        {
            return Ok(());
        }
    }
    Err("the signature does not match")
}

/// `verify_slice` of the result compares in constant time.
fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}
