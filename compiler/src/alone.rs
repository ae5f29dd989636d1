//! What is wrong with an object, whatever else there is.

use jiff::Timestamp;
use serde_json::json;

use crate::check::{dead_letter_retention, foreign_write, grant_to_self, scale};
use crate::codes::{Cause, cause};
use crate::{Code, Diagnostic, Document, Incumbents, Severity, World, compile};

/// What depends on the terms or the name of the tenant.
const OF_THE_TENANT: [Code; 4] = [
    dead_letter_retention::CODE,
    scale::CODE,
    foreign_write::CODE,
    grant_to_self::CODE,
];

/// The errors of an object, as one document, that are errors whatever else exists, or comes to exist:
/// only an edit of the object itself helps. `namespace` is the object's; `None` for a Tenant.
///
/// One thing could still help: a connector of the same namespace that hides a builtin
/// ([`crate::hides_builtin`]), since a flow means the builtin only as long as there is none.
pub fn alone(text: &str, namespace: Option<&str>) -> Vec<Diagnostic> {
    // Some tenant: nothing is said of a flow that belongs to nobody.
    let tenant = namespace.map(|namespace| {
        json!({
            "apiVersion": vrsky_crds::API_VERSION,
            "kind": "Tenant",
            "metadata": {"name": "somebody"},
            "spec": {"namespaces": [namespace]},
        })
    });
    let tenant = tenant.map(|tenant| Document::new("tenant", tenant.to_string()));
    beside(text, tenant, Timestamp::UNIX_EPOCH)
}

/// The errors of an object, as one document, that are errors at this time beside these others, whatever
/// else exists, or comes to exist: only an edit of the object itself, or of one of the others, helps.
/// They hold the tenant of the object's namespace, and the tenant whose topic it reads. What is said
/// in [`alone`] of a connector is true here too.
pub fn beside(
    text: &str,
    others: impl IntoIterator<Item = Document>,
    now: Timestamp,
) -> Vec<Diagnostic> {
    let object = Document::new("object", text);
    let world = World {
        now,
        documents: std::iter::once(object).chain(others).collect(),
        repository: None,
        incumbents: Incumbents::default(),
        replicas: 1,
    };
    let mut found = compile(&world).diagnostics;
    found.retain(|found| {
        found.severity == Severity::Error
            && found.primary.document == 0
            && cause(found.code) == Cause::Manifest
            && !OF_THE_TENANT.contains(&found.code)
    });
    found
}
