//! Signatures of webhooks, as their senders make them.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// The value of `x-hub-signature-256`: `sha256=` and the HMAC of the body in hex.
/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub fn github(secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    format!("sha256={}", data_encoding::HEXLOWER.encode(&digest))
}
