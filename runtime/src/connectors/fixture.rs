//! What tests of connectors share.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;

use serde_json::Value;
use vrsky_expression::Message;
use vrsky_plan::{FlowId, TenantName};

use super::{Context, Listener, http_client};
use crate::secrets::Secrets;

/// A context of the flow `acme/shop`, whose secrets are in `<base>/.vrsky/secrets`.
pub(super) async fn context(base: &Path) -> Context {
    let tenant = TenantName::new("acme").unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), tenant.clone())
        .await
        .unwrap();
    Context {
        tenant,
        flow: FlowId::new("acme", "shop").unwrap(),
        base: base.to_path_buf(),
        secrets: Secrets::new(base.join(".vrsky/secrets")),
        http: http_client(),
        listener,
        max_payload: 1_000,
    }
}

/// Puts a secret of the namespace `acme` into its place.
pub(super) fn secret(base: &Path, name: &str, key: &str, text: &str) {
    let folder = base.join(".vrsky/secrets/acme").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(key), text).unwrap();
}

pub(super) fn message(payload: Value) -> Message {
    Message {
        payload: serde_json::from_value(payload).unwrap(),
        metadata: serde_json::from_value(serde_json::json!({"id": "m-1"})).unwrap(),
    }
}
