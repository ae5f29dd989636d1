//! The messages of the benchmark: orders of 300 bytes, every other one not paid.

use bytes::Bytes;

/// How large a message is.
pub(crate) const SIZE: usize = 300;

/// A message with an id, filled up to [`SIZE`].
pub(crate) fn order(id: &str, is_paid: bool) -> Bytes {
    let status = if is_paid { "paid" } else { "open" };
    let head = format!(
        r#"{{"id":"{id}","status":"{status}","country":"DE","total_price":"19.90","customer":"Ada Lovelace","note":""#
    );
    let fill = SIZE.saturating_sub(head.len() + 2);
    Bytes::from(format!("{head}{}\"}}", "x".repeat(fill)))
}

/// The id in what comes out.
pub(crate) fn id(output: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(output).ok()?;
    Some(value["id"].as_str()?.to_owned())
}
