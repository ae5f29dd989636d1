//! Texts of a request that may depend on the message.

use serde_json::Value;
use vrsky_expression::{Computed, Message};
use vrsky_types::Type;

use super::config;
use crate::connectors::Blocked;

/// A text, ready to be computed.
#[derive(Debug)]
pub(super) enum Text {
    Literal(String),
    Computed(Box<Computed>),
}

impl Text {
    /// Compiles the expression, if it is one. `path` is the field path in the Flow.
    pub(super) fn compile(text: config::Text, input: &Type, path: &str) -> Result<Self, Blocked> {
        match text {
            config::Text::Literal(text) => Ok(Self::Literal(text)),
            config::Text::Computed(expression) => compile(&expression, input, path)
                .map(Box::new)
                .map(Self::Computed),
        }
    }

    /// The text for one message; None for null. The error says what is wrong with the value, without it.
    pub(super) fn of(&self, message: &mut Message) -> Result<Option<String>, String> {
        match self {
            Self::Literal(text) => Ok(Some(text.clone())),
            Self::Computed(computed) => match value(computed, message)? {
                Value::String(text) => Ok(Some(text)),
                Value::Bool(bool) => Ok(Some(bool.to_string())),
                Value::Number(number) => Ok(Some(number.to_string())),
                Value::Null => Ok(None),
                Value::Array(_) => Err("an array is no text".to_owned()),
                Value::Object(_) => Err("an object is no text".to_owned()),
            },
        }
    }
}

/// Compiles an expression that the compiler has accepted: a mistake means that the two differ.
pub(super) fn compile(
    expression: &config::Expression,
    input: &Type,
    path: &str,
) -> Result<Computed, Blocked> {
    let compiled = Computed::compile(&expression.expr, input);
    compiled.map(|(computed, _)| computed).map_err(|mistakes| {
        let reason = mistakes
            .first()
            .map_or("it does not compile", |mistake| &mistake.message);
        Blocked::at(path, reason)
    })
}

/// What the expression makes of the message, as JSON.
pub(super) fn value(computed: &Computed, message: &mut Message) -> Result<Value, String> {
    let value = computed
        .run(message)
        .map_err(|failure| failure.to_string())?;
    serde_json::to_value(&value).map_err(|_| "it has no JSON".to_owned())
}
