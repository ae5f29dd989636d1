//! Operands that VRL's operators get wrong.
//!
//! `*` repeats a text that is multiplied by a number; with a large number that ends the process, past
//! any catching. `||` and `&&` forget, in the type of their result, that an absent operand is null.

use vrl::compiler::state::{TypeInfo, TypeState};
use vrl::compiler::value::kind;
use vrl::compiler::{Context, Expression, Resolved};
use vrl::value::{Kind, Value};

use super::hidden::{Hidden, taking};

/// Returns its argument if that is a number, and fails if not.
pub(crate) const NUMBER: &str = "¶number";

/// Returns its argument, which is null where it is absent.
pub(crate) const DEFINED: &str = "¶defined";

#[derive(Clone, Debug)]
struct Number(Box<dyn Expression>);

#[derive(Clone, Debug)]
struct Defined(Box<dyn Expression>);

pub(super) fn functions() -> Vec<Hidden> {
    vec![
        Hidden {
            name: NUMBER,
            takes: taking!(kind::INTEGER | kind::FLOAT),
            wrap: |value| Box::new(Number(value)),
        },
        Hidden {
            name: DEFINED,
            takes: taking!(kind::ANY),
            wrap: |value| Box::new(Defined(value)),
        },
    ]
}

impl Expression for Number {
    fn resolve(&self, context: &mut Context<'_>) -> Resolved {
        match self.0.resolve(context)? {
            number @ (Value::Integer(_) | Value::Float(_)) => Ok(number),
            _ => Err("`*` multiplies numbers only".to_owned().into()),
        }
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        let mut info = self.0.type_info(state);
        let known = info.result.kind();
        let mut kind = Kind::never();
        if known.contains_integer() {
            kind.add_integer();
        }
        if known.contains_float() {
            kind.add_float();
        }
        info.result = info.result.with_kind(kind);
        info
    }
}

impl Expression for Defined {
    fn resolve(&self, context: &mut Context<'_>) -> Resolved {
        self.0.resolve(context)
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        self.0
            .type_info(state)
            .map_result(vrl::compiler::TypeDef::upgrade_undefined)
    }
}
