//! What Flux and `kpt` make of an object: the generic rules of kstatus (sigs.k8s.io/cli-utils,
//! pkg/kstatus/status: `Compute`, `checkGenericProperties`, `checkReadyCondition`), which are all
//! that apply to a kind that it does not know.

use serde_json::Value;

/// What kstatus says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not yet.
    InProgress,
    /// Given up.
    Failed,
    /// As written.
    Current,
    /// Being deleted.
    Terminating,
}

/// What kstatus says of an object as the API server returns it. An error means that it cannot read
/// the object at all.
pub(crate) fn compute(object: &Value) -> Result<Health, String> {
    let deletion = text(object, "/metadata/deletionTimestamp")?;
    if deletion.is_some_and(|time| !time.is_empty()) {
        return Ok(Health::Terminating);
    }
    if let Some(generation) = integer(object, "/metadata/generation")?
        && let Some(observed) = integer(object, "/status/observedGeneration")?
        && observed != generation
    {
        return Ok(Health::InProgress);
    }
    let conditions = match object.pointer("/status/conditions") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(conditions)) => conditions,
        Some(_) => return Err("status.conditions is no list".to_owned()),
    };
    // The first that matches decides, as in the original's loop.
    for condition in conditions {
        match (
            text(condition, "/type")?.unwrap_or_default(),
            text(condition, "/status")?.unwrap_or_default(),
        ) {
            ("Reconciling", "True") => return Ok(Health::InProgress),
            ("Stalled", "True") => return Ok(Health::Failed),
            _ => {}
        }
    }
    for condition in conditions {
        if text(condition, "/type")? == Some("Ready") {
            match text(condition, "/status")? {
                Some("True") => return Ok(Health::Current),
                Some("False" | "Unknown") => return Ok(Health::InProgress),
                _ => {}
            }
        }
    }
    Ok(Health::Current)
}

fn text<'a>(object: &'a Value, pointer: &str) -> Result<Option<&'a str>, String> {
    match object.pointer(pointer) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{pointer} is no text: {other}")),
    }
}

fn integer(object: &Value, pointer: &str) -> Result<Option<i64>, String> {
    match object.pointer(pointer) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(integer) => Ok(Some(integer)),
            None => Err(format!("{pointer} is no integer: {value}")),
        },
    }
}
