//! What keeps an evaluation's memory bounded. The walk puts these functions into programs whose values could outgrow the message many times over:
//! `Bounded` around what is assigned, `Charged` around what a closure returns for each item.

use std::cell::Cell;

use vrl::compiler::state::{TypeInfo, TypeState};
use vrl::compiler::value::kind;
use vrl::compiler::{Context, Expression, Resolved};
use vrl::value::Value;

use super::hidden::{Hidden, taking};

/// Bytes that one value, and all results of closures in one evaluation, may take.
const BYTES: usize = 16 * 1024 * 1024;

/// What a value takes besides its text.
const NODE: usize = 32;

thread_local! {
    /// Bytes that closures have returned in this evaluation. An evaluation never leaves its thread.
    static SPENT: Cell<usize> = const { Cell::new(0) };
}

/// An evaluation begins.
pub(crate) fn begin() {
    SPENT.set(0);
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meter {
    Bounded,
    Charged,
}

impl Meter {
    /// The function's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bounded => "¶bounded",
            Self::Charged => "¶charged",
        }
    }
}

pub(super) fn functions() -> Vec<Hidden> {
    vec![
        Hidden {
            name: Meter::Bounded.name(),
            takes: taking!(kind::ANY),
            wrap: |value| {
                Box::new(Metered {
                    value,
                    meter: Meter::Bounded,
                })
            },
        },
        Hidden {
            name: Meter::Charged.name(),
            takes: taking!(kind::ANY),
            wrap: |value| {
                Box::new(Metered {
                    value,
                    meter: Meter::Charged,
                })
            },
        },
    ]
}

#[derive(Clone, Debug)]
struct Metered {
    value: Box<dyn Expression>,
    meter: Meter,
}

impl Expression for Metered {
    fn resolve(&self, context: &mut Context<'_>) -> Resolved {
        let value = self.value.resolve(context)?;
        let before = match self.meter {
            Meter::Bounded => 0,
            Meter::Charged => SPENT.get(),
        };
        match measure(&value, BYTES.saturating_sub(before)) {
            Some(bytes) => {
                if self.meter == Meter::Charged {
                    SPENT.set(before + bytes);
                }
                Ok(value)
            }
            None => Err(format!("a value grew beyond {} MiB", BYTES / 1024 / 1024).into()),
        }
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        self.value.type_info(state)
    }
}

/// The bytes of a value, if there are no more than `most`.
fn measure(value: &Value, most: usize) -> Option<usize> {
    let mut bytes = NODE;
    match value {
        Value::Bytes(text) => bytes += text.len(),
        Value::String(text) => bytes += text.len(),
        Value::Object(map) => {
            for (name, value) in map {
                bytes += name.len();
                bytes += measure(value, most.checked_sub(bytes)?)?;
            }
        }
        Value::Array(items) => {
            for value in items {
                bytes += measure(value, most.checked_sub(bytes)?)?;
            }
        }
        _ => {}
    }
    (bytes <= most).then_some(bytes)
}
