//! What `kubectl wait --for=condition=Ready` sees (kubectl, pkg/cmd/wait/condition.go:
//! `checkCondition`): a condition counts only for the generation that it describes, or, where it
//! says none, that the status describes.

use serde_json::Value;

/// Whether it would stop waiting.
pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| {
        let kind = condition["type"].as_str().unwrap_or_default();
        kind.eq_ignore_ascii_case("Ready") && condition["status"].is_string()
    });
    let Some(ready) = ready else { return false };
    let observed = ready["observedGeneration"]
        .as_i64()
        .or_else(|| object["status"]["observedGeneration"].as_i64());
    if let Some(generation) = object["metadata"]["generation"].as_i64()
        && observed.is_some_and(|observed| observed < generation)
    {
        return false;
    }
    ready["status"]
        .as_str()
        .is_some_and(|status| status.eq_ignore_ascii_case("True"))
}
