//! Evaluation. Programs are shared and immutable; what an evaluation needs lives on its stack.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::{Program, TargetValueRef, TimeZone};
use vrl::value::{Kind, Secrets, Value};

use crate::{Failure, Message};

/// Expressions visited in one evaluation. Closures run once per item, so a payload decides how many
/// there are; a million is far beyond honest use and takes about a second.
const STEPS: u32 = 1_000_000;

/// Dates without a zone are UTC: the machine's own zone must not change a result.
static ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::parse("UTC").unwrap_or_default());

/// What must be done to a result before it is JSON again; decided by its type, once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish {
    encode: bool,
}

impl Finish {
    /// For results of a kind.
    pub(crate) fn of(kind: &Kind) -> Self {
        Self {
            encode: needs_encoding(kind, 0),
        }
    }

    fn apply(self, value: &mut Value) -> Result<(), Failure> {
        if self.encode { encode(value) } else { Ok(()) }
    }
}

pub(crate) fn filter(programs: &[Program], message: &mut Message) -> Result<bool, Failure> {
    for program in programs {
        if resolve(program, message)? != Value::Boolean(true) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn map(program: &Program, finish: Finish, message: &mut Message) -> Result<(), Failure> {
    resolve(program, message)?;
    finish.apply(&mut message.payload)
}

pub(crate) fn computed(
    program: &Program,
    finish: Finish,
    message: &mut Message,
) -> Result<Value, Failure> {
    let mut value = resolve(program, message)?;
    finish.apply(&mut value)?;
    Ok(value)
}

fn resolve(program: &Program, message: &mut Message) -> Result<Value, Failure> {
    let mut secrets = Secrets::new();
    let mut target = TargetValueRef {
        value: &mut message.payload,
        metadata: &mut message.metadata,
        secrets: &mut secrets,
    };
    crate::functions::begin();
    let mut left = STEPS;
    let mut control = || {
        left = left.saturating_sub(1);
        if left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    Runtime::default()
        .resolve_with_control(&mut target, program, &ZONE, &mut control)
        .map_err(|error| failure(&error))
}

fn failure(error: &Terminate) -> Failure {
    let message = match error {
        Terminate::Interrupted => format!("the expression did not end within {STEPS} steps"),
        Terminate::Abort(error) | Terminate::Error(error) => error.to_string(),
    };
    Failure {
        message: one_line(&message),
    }
}

fn one_line(message: &str) -> String {
    message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

/// Whether values of a kind may hold what JSON does not have: timestamps, regular expressions, and
/// infinite numbers.
fn needs_encoding(kind: &Kind, depth: usize) -> bool {
    depth > 64
        || kind.contains_timestamp()
        || kind.contains_regex()
        || kind.contains_float()
        || kind.as_object().is_some_and(|object| {
            !object.is_unknown_exact()
                || object
                    .known()
                    .values()
                    .any(|kind| needs_encoding(kind, depth + 1))
                || needs_encoding(&object.unknown_kind(), depth + 1)
        })
        || kind.as_array().is_some_and(|array| {
            !array.is_unknown_exact()
                || array
                    .known()
                    .values()
                    .any(|kind| needs_encoding(kind, depth + 1))
                || needs_encoding(&array.unknown_kind(), depth + 1)
        })
}

fn encode(value: &mut Value) -> Result<(), Failure> {
    match value {
        Value::Object(map) => map.values_mut().try_for_each(encode),
        Value::Array(items) => items.iter_mut().try_for_each(encode),
        Value::Timestamp(_) | Value::Regex(_) => {
            *value = Value::from(value.to_string_lossy().into_owned());
            Ok(())
        }
        Value::Float(float) if float.is_infinite() => Err(Failure {
            message: "a number became infinite, which JSON cannot say".to_owned(),
        }),
        _ => Ok(()),
    }
}
