//! A variable that a closure changes has a type that VRL does not know: it types the closure as if it
//! ran once, after which it forgets it. The walk assumes a kind at each reading of such a variable and
//! ensures it at each assignment. When the program types with both, the assumption holds before and
//! after every step, however often it runs.

use vrl::compiler::state::{TypeInfo, TypeState};
use vrl::compiler::value::kind;
use vrl::compiler::{Context, Expression, Resolved, TypeDef};
use vrl::value::Kind;
use vrl::value::kind::Collection;

use super::hidden::{Hidden, taking};

/// What is taken for granted of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assumption {
    Any,
    Array,
    Boolean,
    Bytes,
    Float,
    Integer,
    Object,
}

#[derive(Clone, Debug)]
struct Typed {
    value: Box<dyn Expression>,
    assumption: Assumption,
}

macro_rules! assumptions {
    ($($variant:ident, $lower:literal, $bits:expr;)*) => {
        impl Assumption {
            /// The function that returns its argument and says that it has the kind.
            pub(crate) fn assume(self) -> &'static str {
                match self { $(Self::$variant => concat!("¶assume_", $lower)),* }
            }

            /// The function that returns its argument and refuses, when compiled, other kinds.
            pub(crate) fn ensure(self) -> &'static str {
                match self { $(Self::$variant => concat!("¶ensure_", $lower)),* }
            }
        }

        /// Two functions for each assumption.
        pub(super) fn functions() -> Vec<Hidden> {
            vec![$(
                Hidden {
                    name: Assumption::$variant.assume(),
                    takes: taking!(kind::ANY),
                    wrap: |value| Box::new(Typed { value, assumption: Assumption::$variant }),
                },
                Hidden {
                    name: Assumption::$variant.ensure(),
                    takes: taking!($bits),
                    wrap: |value| Box::new(Typed { value, assumption: Assumption::$variant }),
                },
            )*]
        }
    };
}

assumptions! {
    Any, "any", kind::ANY;
    Array, "array", kind::ARRAY;
    Boolean, "boolean", kind::BOOLEAN;
    Bytes, "bytes", kind::BYTES;
    Float, "float", kind::FLOAT;
    Integer, "integer", kind::INTEGER;
    Object, "object", kind::OBJECT;
}

impl Assumption {
    fn kind(self) -> Kind {
        match self {
            Self::Any => Kind::any().without_undefined(),
            Self::Array => Kind::array(Collection::any()),
            Self::Boolean => Kind::boolean(),
            Self::Bytes => Kind::bytes(),
            Self::Float => Kind::float(),
            Self::Integer => Kind::integer(),
            Self::Object => Kind::object(Collection::any()),
        }
    }
}

impl Expression for Typed {
    fn resolve(&self, context: &mut Context<'_>) -> Resolved {
        self.value.resolve(context)
    }

    fn type_info(&self, state: &TypeState) -> TypeInfo {
        TypeInfo::new(state, TypeDef::from(self.assumption.kind()))
    }
}
