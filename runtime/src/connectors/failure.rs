//! What went wrong with a connection or a file, in one line without addresses or content.

use std::error::Error;

/// The innermost reason, such as `Connection refused (os error 111)`.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason
        .to_string()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}
