//! `abs`, which VRL lets overflow: of the smallest integer there is no absolute value.

use vrl::compiler::function::{ArgumentList, Compiled, Example, FunctionCompileContext, Parameter};
use vrl::compiler::state::{TypeInfo, TypeState};
use vrl::compiler::{Context, Expression, Function, Resolved};
use vrl::stdlib::Abs;
use vrl::value::Value;

/// `abs`, failing where VRL's overflows.
#[derive(Debug)]
pub(super) struct Absolute;

#[derive(Clone, Debug)]
struct Call {
    value: Box<dyn Expression>,
    typed: Box<dyn Expression>,
}

impl Function for Absolute {
    fn identifier(&self) -> &'static str {
        Abs.identifier()
    }

    fn usage(&self) -> &'static str {
        Abs.usage()
    }

    fn category(&self) -> &'static str {
        Abs.category()
    }

    fn return_kind(&self) -> u16 {
        Abs.return_kind()
    }

    fn examples(&self) -> &'static [Example] {
        Abs.examples()
    }

    fn parameters(&self) -> &'static [Parameter] {
        Abs.parameters()
    }

    fn compile(
        &self,
        state: &TypeState,
        context: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        let value = arguments.required("value");
        Ok(Box::new(Call {
            value,
            typed: Abs.compile(state, context, arguments)?,
        }))
    }
}

impl Expression for Call {
    fn resolve(&self, context: &mut Context<'_>) -> Resolved {
        match self.value.resolve(context)? {
            Value::Integer(i64::MIN) => Err("the smallest integer has no absolute value"
                .to_owned()
                .into()),
            Value::Integer(integer) => Ok(Value::Integer(integer.abs())),
            Value::Float(float) => Ok(Value::from_f64_or_zero(float.into_inner().abs())),
            _ => Err("`abs` takes numbers only".to_owned().into()),
        }
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        self.typed.type_info(state)
    }
}
