//! What differs between two specs, and what that means for messages. Pure.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// How much of a value is shown.
const SHOWN: usize = 60;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    /// `spec.sinks.erp.with.url`.
    pub(super) path: String,
    /// JSON; `(none)` where there is nothing.
    pub(super) before: String,
    pub(super) after: String,
}

/// The fields in which two specs differ: whole lists, single fields of objects.
pub(super) fn fields(before: &Value, after: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare("spec", before, after, &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Field>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let path = format!("{path}.{name}");
                compare(&path, &before[name], &after[name], found);
            }
        }
        _ if before == after => {}
        _ => found.push(Field {
            path: path.to_owned(),
            before: short(before),
            after: short(after),
        }),
    }
}

/// The JSON merge patch (RFC 7396) that turns one value into another.
pub(super) fn turning(before: &Value, after: &Value) -> Value {
    let (Value::Object(one), Value::Object(other)) = (before, after) else {
        return after.clone();
    };
    let gone = one.keys().filter(|name| !other.contains_key(*name));
    let gone = gone.map(|name| (name.clone(), Value::Null));
    let stays = other
        .iter()
        .map(|(name, value)| (name.clone(), turning(&before[name], value)));
    gone.chain(stays).collect()
}

fn short(value: &Value) -> String {
    if value.is_null() {
        return "(none)".to_owned();
    }
    let text = value.to_string();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What a changed Flow does to messages that are under way (docs/runtime.md).
pub(super) fn of_flow(before: &Value, after: &Value) -> Vec<String> {
    let mut effects = Vec::new();
    if before == after {
        return effects;
    }
    let names = |spec: &Value| -> BTreeSet<String> {
        let sinks = spec["sinks"].as_object();
        sinks
            .into_iter()
            .flat_map(|it| it.keys().cloned())
            .collect()
    };
    let (old, new) = (names(before), names(after));
    for sink in old.difference(&new) {
        effects.push(format!(
            "sink {sink} goes: what waits for it becomes dead letters"
        ));
    }
    for sink in new.difference(&old) {
        effects.push(format!(
            "sink {sink} is new: it gets what comes from then on"
        ));
    }
    if before["source"] != after["source"] {
        effects.push(
            "the source changes: what was accepted from the old one goes on, by the new steps"
                .to_owned(),
        );
    }
    let partitions = |spec: &Value| spec["scale"]["max"].as_u64().unwrap_or(1);
    match (partitions(before), partitions(after)) {
        (few, many) if few < many => effects.push(format!(
            "messages are spread over {many} partitions, and keep their order within one alone"
        )),
        (many, few) if many > few => effects.push(format!(
            "{few} of {many} partitions stay: what waits on the others is read to the end, too"
        )),
        _ => {}
    }
    match (before["suspend"] == true, after["suspend"] == true) {
        (false, true) => effects.push("it stops: what is under way waits".to_owned()),
        (true, false) => effects.push("it goes on: what waited is delivered first".to_owned()),
        (false, false) if secrets(before) == secrets(after) => {
            effects.push("applied in place: no pod restarts, nothing is lost".to_owned());
        }
        (false, false) => {
            effects.push("its pods roll, for other Secrets; nothing is lost".to_owned());
        }
        (true, true) => {}
    }
    effects
}

/// The Secrets that a spec refers to, wherever.
fn secrets(spec: &Value) -> BTreeSet<&str> {
    match spec {
        Value::Object(fields) => {
            let own = fields.get("secretRef").and_then(|it| it["name"].as_str());
            own.into_iter()
                .chain(fields.values().flat_map(secrets))
                .collect()
        }
        Value::Array(values) => values.iter().flat_map(secrets).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let before = json!({"a": 1, "b": {"c": [1], "d": "x"}});
        let after = json!({"a": 1, "b": {"c": [1, 2]}});
        let found = fields(&before, &after);
        let found: Vec<_> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(found, ["spec.b.c", "spec.b.d"]);
        assert_eq!(fields(&before, &before), []);
    }

    #[test]
    fn a_patch_takes_away_what_is_gone() {
        let before = json!({"a": 1, "b": {"c": [1], "d": "x"}});
        let after = json!({"b": {"c": []}, "e": {}});
        let patch = json!({"a": null, "b": {"c": [], "d": null}, "e": {}});
        assert_eq!(turning(&before, &after), patch);
    }

    #[test]
    fn other_partitions_are_told_and_other_pods_are_not() {
        let max = |max: u32| json!({"scale": {"max": max}});
        let effects = of_flow(&max(2), &max(4));
        assert!(effects[0].contains("over 4 partitions"), "{effects:?}");
        let effects = of_flow(&max(4), &json!({}));
        assert!(effects[0].contains("1 of 4 partitions"), "{effects:?}");
        let effects = of_flow(&max(4), &json!({"scale": {"max": 4, "replicas": 2}}));
        assert_eq!(effects.len(), 1, "{effects:?}");
    }

    #[test]
    fn a_renamed_sink_is_one_that_goes_and_one_that_is_new() {
        let before = json!({"sinks": {"erp": {"topic": "a"}}});
        let after = json!({"sinks": {"sap": {"topic": "a"}}});
        let effects = of_flow(&before, &after);
        assert_eq!(
            effects[0],
            "sink erp goes: what waits for it becomes dead letters"
        );
        assert!(effects[1].starts_with("sink sap is new"), "{effects:?}");
        assert_eq!(of_flow(&before, &before), Vec::<String>::new());
    }
}
