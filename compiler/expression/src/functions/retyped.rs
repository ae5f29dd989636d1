//! Functions whose results VRL types wrongly: those that take closures, as if the closure ran exactly
//! once, and a few others. What is inside such a result is unknown here.

use vrl::compiler::function::{
    ArgumentList, Compiled, Example, FunctionCompileContext, Parameter, closure,
};
use vrl::compiler::state::{TypeInfo, TypeState};
use vrl::compiler::{Context, Expression, Function, Resolved, TypeDef};
use vrl::value::kind::Collection;
use vrl::value::{Kind, Value};

/// A function whose result keeps its outermost type only.
#[derive(Debug)]
pub(super) struct Opaque<F>(pub(super) F);

/// `parse_regex` and `parse_regex_all`: a group that took no part is null, and groups by number are
/// there only where they were asked for.
#[derive(Debug)]
pub(super) struct Captures<F>(pub(super) F);

/// A function whose result is an integer or a float.
#[derive(Debug)]
pub(super) struct Number<F>(pub(super) F);

/// A function whose result is an object or an array.
#[derive(Debug)]
pub(super) struct Container<F>(pub(super) F);

#[derive(Clone, Debug)]
struct Retyped {
    call: Box<dyn Expression>,
    retype: fn(TypeDef) -> TypeDef,
}

macro_rules! retyped {
    ($name:ident, $retype:expr) => {
        impl<F: Function> Function for $name<F> {
            fn identifier(&self) -> &'static str {
                self.0.identifier()
            }

            fn usage(&self) -> &'static str {
                self.0.usage()
            }

            fn category(&self) -> &'static str {
                self.0.category()
            }

            fn return_kind(&self) -> u16 {
                self.0.return_kind()
            }

            fn pure(&self) -> bool {
                self.0.pure()
            }

            fn examples(&self) -> &'static [Example] {
                self.0.examples()
            }

            fn parameters(&self) -> &'static [Parameter] {
                self.0.parameters()
            }

            fn closure(&self) -> Option<closure::Definition> {
                self.0.closure()
            }

            fn compile(
                &self,
                state: &TypeState,
                context: &mut FunctionCompileContext,
                arguments: ArgumentList,
            ) -> Compiled {
                Ok(Box::new(Retyped {
                    call: self.0.compile(state, context, arguments)?,
                    retype: $retype,
                }))
            }
        }
    };
}

retyped!(Opaque, opaque);
retyped!(Container, container);
retyped!(Captures, captures);
retyped!(Number, number);

impl Expression for Retyped {
    fn resolve(&self, context: &mut Context<'_>) -> Resolved {
        self.call.resolve(context)
    }

    fn resolve_constant(&self, _: &TypeState) -> Option<Value> {
        None
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        self.call.type_info(state).map_result(self.retype)
    }
}

fn opaque(result: TypeDef) -> TypeDef {
    let mut kind: Kind = result.kind().clone();
    if kind.is_never() {
        return result;
    }
    if kind.contains_object() {
        kind.add_object(Collection::any());
    }
    if kind.contains_array() {
        kind.add_array(Collection::any());
    }
    result.with_kind(kind)
}

fn container(result: TypeDef) -> TypeDef {
    result.with_kind(Kind::object(Collection::any()).or_array(Collection::any()))
}

fn number(result: TypeDef) -> TypeDef {
    result.with_kind(Kind::integer().or_float())
}

fn captures(result: TypeDef) -> TypeDef {
    let kind = loosened(result.kind().clone());
    result.with_kind(kind)
}

fn loosened(mut kind: Kind) -> Kind {
    if let Some(groups) = kind.as_object_mut() {
        for (name, group) in groups.known_mut() {
            let numbered = name.as_str().bytes().all(|byte| byte.is_ascii_digit());
            let text = Kind::bytes().or_null();
            *group = if numbered { text.or_undefined() } else { text };
        }
    }
    if let Some(matches) = kind.as_array_mut() {
        let each = loosened(matches.unknown_kind());
        matches.set_unknown(each);
    }
    kind
}
