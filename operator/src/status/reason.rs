//! The words in `reason`. `docs/status.md` says of each what to do; a test keeps the two together.

use std::borrow::Cow;

pub(super) const ACCEPTED: &str = "Accepted";
pub(super) const BACKLOG: &str = "Backlog";
pub(super) const BLOCKED: &str = "Blocked";
pub(super) const BROKER_UNAVAILABLE: &str = "BrokerUnavailable";
pub(super) const COMPILE_ERROR: &str = "CompileError";
pub(super) const DEAD_LETTER_FULL: &str = "DeadLetterFull";
pub(super) const DEAD_LETTERS: &str = "DeadLetters";
pub(super) const DELETING: &str = "Deleting";
pub(super) const DRAINING: &str = "Draining";
pub(super) const FAILING: &str = "Failing";
pub(super) const GRANT_EXPIRED: &str = "GrantExpired";
pub(super) const GRANT_REVOKED: &str = "GrantRevoked";
pub(super) const EXPIRED: &str = "Expired";
pub(super) const IDLE: &str = "Idle";
pub(super) const NAMESPACE_NOT_FOUND: &str = "NamespaceNotFound";
pub(super) const NAMESPACE_REPLACED: &str = "NamespaceReplaced";
pub(super) const NAMESPACE_UNBOUND: &str = "NamespaceUnbound";
pub(super) const NOT_CHECKED: &str = "NotChecked";
pub(super) const PAUSED: &str = "Paused";
pub(super) const PROGRAMMED: &str = "Programmed";
pub(super) const PROGRESSING: &str = "Progressing";
pub(super) const QUOTA_EXCEEDED: &str = "QuotaExceeded";
pub(super) const READY: &str = "Ready";
pub(super) const REF_INVALID: &str = "RefInvalid";
pub(super) const REF_NOT_PERMITTED: &str = "RefNotPermitted";
pub(super) const REPORT_STALE: &str = "ReportStale";
pub(super) const RESOLVED: &str = "Resolved";
pub(super) const REVOKED: &str = "Revoked";
pub(super) const REVOKING: &str = "Revoking";
pub(super) const RUNNING: &str = "Running";
pub(super) const SECRET_NOT_FOUND: &str = "SecretNotFound";
pub(super) const STARTING: &str = "Starting";
pub(super) const SUSPENDED: &str = "Suspended";
pub(super) const TENANT_SUSPENDED: &str = "TenantSuspended";
pub(super) const WAKING: &str = "Waking";

/// All words of our own. Pods, the API server and the broker add theirs.
pub const ALL: [&str; 35] = [
    ACCEPTED,
    BACKLOG,
    BLOCKED,
    BROKER_UNAVAILABLE,
    COMPILE_ERROR,
    DEAD_LETTER_FULL,
    DEAD_LETTERS,
    DELETING,
    DRAINING,
    EXPIRED,
    FAILING,
    GRANT_EXPIRED,
    GRANT_REVOKED,
    IDLE,
    NAMESPACE_NOT_FOUND,
    NAMESPACE_REPLACED,
    NAMESPACE_UNBOUND,
    NOT_CHECKED,
    PAUSED,
    PROGRAMMED,
    PROGRESSING,
    QUOTA_EXCEEDED,
    READY,
    REF_INVALID,
    REF_NOT_PERMITTED,
    REPORT_STALE,
    RESOLVED,
    REVOKED,
    REVOKING,
    RUNNING,
    SECRET_NOT_FOUND,
    STARTING,
    SUSPENDED,
    TENANT_SUSPENDED,
    WAKING,
];

/// Whether somebody else may mend it at any moment, so that there is some patience before it
/// counts as stalled.
pub(super) fn may_come(reason: &str) -> bool {
    [
        BLOCKED,
        DEAD_LETTER_FULL,
        NAMESPACE_NOT_FOUND,
        NAMESPACE_REPLACED,
        NAMESPACE_UNBOUND,
        QUOTA_EXCEEDED,
        REF_INVALID,
        REF_NOT_PERMITTED,
        SECRET_NOT_FOUND,
        TENANT_SUSPENDED,
    ]
    .contains(&reason)
}

/// A foreign word as the API allows it: letters and digits, a letter first.
pub(super) fn word(text: &str) -> Cow<'static, str> {
    let word: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .skip_while(char::is_ascii_digit)
        .take(100)
        .collect();
    if word.is_empty() {
        Cow::Borrowed("Failed")
    } else {
        Cow::Owned(word)
    }
}
