//! Users.

use serde_json::{Value, json};

/// A user signed by a scoped signing key. It carries no permissions and no limits: the server takes
/// them from the account's template and refuses a user that brings its own.
#[derive(Clone, Debug)]
pub struct ScopedUser {
    /// Its name, `{{name()}}` in templates.
    pub name: String,
    /// Its public key.
    pub subject: String,
    /// The account's public key.
    pub account: String,
}

impl ScopedUser {
    /// The claims, to be signed by the role's signing key.
    pub fn claims(&self) -> Value {
        json!({
            "name": self.name,
            "sub": self.subject,
            "nats": {"issuer_account": self.account, "type": "user", "version": 2},
        })
    }
}

/// A user without bounds inside its account, signed by the account itself: only the broker's own.
/// No lists at all, since an empty one means everything too, and that should be plain to see.
pub(crate) fn full_user(name: &str, subject: &str) -> Value {
    json!({
        "name": name,
        "sub": subject,
        "nats": {"subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2},
    })
}
