//! A value of the wrong type.

use serde_json::Value as Json;

use super::{Issue, wrong_parameter};
use crate::Code;
use crate::path::Path;
use crate::shape::Dialect;

pub(crate) const CODE: Code = Code(103);

pub(crate) fn issue(dialect: Dialect, path: &Path, expected: &str, value: &Json) -> Issue {
    let code = if dialect == Dialect::Kind {
        CODE
    } else {
        wrong_parameter::CODE
    };
    let is_expression = value
        .as_object()
        .is_some_and(|fields| fields.len() == 1 && fields.contains_key("expr"));
    let issue = Issue::new(
        code,
        path,
        format!("expected {}, found {}", article(expected), found(value)),
        format!("must be {}", article(expected)),
    );
    if is_expression {
        return issue.help("this field cannot depend on the message");
    }
    issue
}

/// The type that a schema names, in words.
pub(crate) fn article(expected: &str) -> &'static str {
    match expected {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "object" => "an object",
        "array" => "a list",
        _ => "nothing",
    }
}

/// What a value is, in words.
pub(crate) fn found(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.is_f64() => "a decimal number",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
