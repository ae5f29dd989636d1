//! Functions whose names begin with a sign that VRL's lexer does not read: only the walk can call
//! them. Each wraps one expression.

use vrl::compiler::function::{ArgumentList, Compiled, Example, FunctionCompileContext, Parameter};
use vrl::compiler::state::TypeState;
use vrl::compiler::value::kind;
use vrl::compiler::{Expression, Function};

/// A function of one argument.
pub(super) struct Hidden {
    pub(super) name: &'static str,
    pub(super) takes: &'static [Parameter],
    pub(super) wrap: fn(Box<dyn Expression>) -> Box<dyn Expression>,
}

/// One argument of some kinds.
macro_rules! taking {
    ($kind:expr) => {{
        const PARAMETERS: &[vrl::compiler::function::Parameter] =
            &[vrl::compiler::function::Parameter::required(
                "value",
                $kind,
                "The value.",
            )];
        PARAMETERS
    }};
}
pub(super) use taking;

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Function for Hidden {
    fn identifier(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        ""
    }

    fn category(&self) -> &'static str {
        "Type"
    }

    fn return_kind(&self) -> u16 {
        kind::ANY
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.takes
    }

    fn compile(
        &self,
        _: &TypeState,
        _: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        Ok((self.wrap)(arguments.required("value")))
    }
}
