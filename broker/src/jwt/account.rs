//! Accounts: limits, exports, imports, scoped signing keys.

use serde_json::{Value, json};
use vrsky_plan::tenant::{Limits, Permissions};

/// What an account may do, give and take.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name, for people.
    pub name: String,
    /// Its public key.
    pub subject: String,
    /// Its limits.
    pub limits: Limits,
    /// False: no storage at all (the system account).
    pub jetstream: bool,
    /// What it offers. Sorted when encoded.
    pub exports: Vec<Export>,
    /// What it takes. Sorted when encoded.
    pub imports: Vec<Import>,
    /// Its scoped signing keys. Sorted when encoded.
    pub roles: Vec<Role>,
}

/// Whether messages flow out (a stream) or requests in (a service).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Messages of the exporter reach the importer's subscribers.
    Stream,
    /// Requests of the importer reach the exporter, and one answer goes back.
    Service,
}

/// A subject that other accounts may import. Public: only the operator can write account tokens, so
/// no tenant can import by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Export {
    /// Its subject.
    pub subject: String,
    /// Its kind.
    pub kind: Kind,
}

/// A subject of another account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The subject at the exporter.
    pub subject: String,
    /// The exporter's public key.
    pub account: String,
    /// The subject here, if it is another.
    pub local: Option<String>,
    /// Its kind.
    pub kind: Kind,
}

/// A signing key whose users have exactly these permissions.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The signing key's public half.
    pub key: String,
    /// The template; `<user>` in it becomes the user's name.
    pub permissions: Permissions,
}

impl Account {
    /// The claims, to be signed by the operator.
    pub fn claims(&self) -> Value {
        let mut exports = self.exports.clone();
        exports.sort();
        let mut imports = self.imports.clone();
        imports.sort();
        let mut roles = self.roles.clone();
        roles.sort_by(|left, right| left.key.cmp(&right.key));
        json!({
            "name": self.name,
            "sub": self.subject,
            "nats": {
                "limits": limits(&self.limits, self.jetstream),
                "exports": exports.iter().map(export).collect::<Vec<_>>(),
                "imports": imports.iter().map(import).collect::<Vec<_>>(),
                "signing_keys": roles.iter().map(role).collect::<Vec<_>>(),
                "type": "account",
                "version": 2,
            },
        })
    }
}

/// Flat storage limits (bytes times replicas), never together with tiered ones.
fn limits(limits: &Limits, jetstream: bool) -> Value {
    let mut value = json!({
        "subs": -1, "data": -1, "payload": limits.payload,
        "imports": -1, "exports": -1, "wildcards": true,
        "conn": limits.connections, "leaf": 0,
        "disallow_bearer": true,
    });
    if jetstream {
        value["mem_storage"] = json!(limits.memory_storage);
        value["disk_storage"] = json!(limits.disk_storage);
        value["streams"] = json!(limits.streams);
        value["consumer"] = json!(limits.consumers);
        value["max_ack_pending"] = json!(-1);
    }
    value
}

fn export(export: &Export) -> Value {
    json!({"name": export.subject, "subject": export.subject, "type": kind(export.kind)})
}

fn import(import: &Import) -> Value {
    let mut value = json!({
        "name": import.subject,
        "subject": import.subject,
        "account": import.account,
        "type": kind(import.kind),
    });
    // With `local_subject` both kinds read alike: `subject` at the exporter, `local_subject` here.
    // The older `to` turns them around for services.
    if let Some(local) = &import.local {
        value["local_subject"] = json!(local);
    }
    value
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Stream => "stream",
        Kind::Service => "service",
    }
}

fn role(role: &Role) -> Value {
    json!({
        "kind": "user_scope",
        "key": role.key,
        "role": role.name,
        "template": {
            "pub": allow(&role.permissions.publish),
            "sub": allow(&role.permissions.subscribe),
            "subs": -1, "data": -1, "payload": -1,
        },
        "description": "",
    })
}

/// An empty allow list would mean everything, so it becomes a denial of everything.
fn allow(subjects: &[String]) -> Value {
    if subjects.is_empty() {
        return json!({"deny": [">"]});
    }
    let mut subjects: Vec<String> = subjects
        .iter()
        .map(|subject| subject.replace("<user>", "{{name()}}"))
        .collect();
    subjects.sort();
    json!({"allow": subjects})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(publish: &[&str]) -> Account {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Account {
            name: "acme".to_owned(),
            subject: "A".to_owned(),
            limits: Limits {
                disk_storage: 1,
                memory_storage: 1,
                streams: 1,
                consumers: 1,
                connections: 1,
                payload: 1,
            },
            jetstream: true,
            exports: Vec::new(),
            imports: Vec::new(),
            roles: vec![Role {
                name: "runtime".to_owned(),
                key: "K".to_owned(),
                permissions: Permissions {
                    publish: words(publish),
                    subscribe: words(&["_INBOX_<user>.>"]),
                },
            }],
        }
    }

    #[test]
    fn an_empty_list_of_subjects_denies_everything() {
        let claims = account(&[]).claims();
        let template = &claims["nats"]["signing_keys"][0]["template"];
        assert_eq!(template["pub"], json!({"deny": [">"]}));
    }

    #[test]
    fn lists_are_sorted_and_the_user_stands_for_its_name() {
        let claims = account(&["e.b", "e.a"]).claims();
        let template = &claims["nats"]["signing_keys"][0]["template"];
        assert_eq!(template["pub"], json!({"allow": ["e.a", "e.b"]}));
        assert_eq!(template["sub"], json!({"allow": ["_INBOX_{{name()}}.>"]}));
    }
}
