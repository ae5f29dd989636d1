//! Payload types: JSON Schema, kinds and subsumption. Shared by the compiler and the runtime.

mod emit;
mod example;
mod facts;
mod fields;
mod instance;
mod kinds;
mod load;
mod path;
mod shape;
mod subsume;
mod validator;

use std::sync::Arc;

use vrl::value::{Kind, Value};

pub use facts::{Facts, Step};

/// The type of a payload: what the compiler knows, over-approximated.
#[derive(Clone, Debug)]
pub struct Type {
    kind: Kind,
    facts: Facts,
}

/// Facts do not count: they make proofs possible, not types different.
impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        kinds::same(&self.kind, &other.kind)
    }
}

/// A schema that cannot be a contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// JSON pointer into the schema.
    pub pointer: String,
    /// What is wrong, one line.
    pub message: String,
}

/// A `fields` shorthand that cannot be a contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong, one line.
    pub message: String,
}

/// Whether every value of a type satisfies a contract.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Every value does.
    Proved,
    /// Some value of the type does not, and here is one.
    Refuted {
        /// The field in the payload, such as `.total`; `.` is the payload.
        field: String,
        /// What the contract asks for and what comes, one line.
        reason: String,
        /// A value of the type that violates the contract.
        example: serde_json::Value,
    },
    /// It depends on what the type does not say; each message is checked.
    Unproven {
        /// The field in the payload.
        field: String,
        /// The keyword that could not be proved, one line.
        reason: String,
        /// What would let it be proved, one line.
        help: String,
    },
}

/// A message that violates a contract.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Violation {
    /// The field in the payload, such as `.items[3].sku`.
    pub field: String,
    /// What is wrong, without the payload's values.
    pub message: String,
}

/// A compiled contract. Cloning shares what was compiled.
#[derive(Clone, Debug)]
pub struct Contract(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    schema: Arc<serde_json::Value>,
    payload: Type,
    check: Check,
}

/// How messages are checked: natively where the schema says only what types can say.
#[derive(Debug)]
enum Check {
    Shape(shape::Shape),
    Schema(validator::Validator),
}

impl Type {
    fn plain(kind: Kind) -> Self {
        Self {
            kind,
            facts: Facts::default(),
        }
    }

    /// Nothing is known.
    pub fn any() -> Self {
        Self::plain(kinds::all())
    }

    /// The kind that VRL compiles against.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What is known of values of this type beyond it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// This type, and what else is known of its values.
    pub fn with_facts(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// A type from what VRL inferred, as it is once encoded: timestamps and regular expressions
    /// become strings, and what is undefined becomes null.
    pub fn from_kind(kind: Kind) -> Self {
        Self::plain(kinds::normal(&kind.upgrade_undefined()))
    }

    /// The JSON Schema of this type: `Contract::new(t.to_schema())` has the type `t` again.
    pub fn to_schema(&self) -> serde_json::Value {
        emit::schema(&self.kind)
    }

    /// Whether every value of this type satisfies `contract`.
    ///
    /// Sound both ways: what is proved holds for every value, and the example of a refutation is a
    /// value of this type that [`Contract::check`] refuses.
    pub fn satisfies(&self, contract: &Contract) -> Verdict {
        subsume::verdict(self, &contract.0.schema, &contract.0.payload.kind)
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&subsume::described(&self.kind))
    }
}

impl Contract {
    /// The schema that the `fields` shorthand stands for: a closed object. Types are `string`,
    /// `integer`, `number`, `boolean`, `timestamp` (RFC 3339), `object` (open), `any` and lists such
    /// as `[]string`; `optional` in front means absent or null.
    pub fn schema_of_fields<'a>(
        fields: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<serde_json::Value, Vec<FieldError>> {
        fields::schema(fields)
    }

    /// Compiles a JSON Schema (draft 2020-12, no remote references, no integers beyond 64 bits).
    pub fn new(schema: impl Into<Arc<serde_json::Value>>) -> Result<Self, SchemaError> {
        let schema = schema.into();
        let kind = load::kind(&schema)?;
        validator::well_formed(&schema)?;
        let check = match shape::Shape::new(&schema)? {
            Some(shape) => Check::Shape(shape),
            None => Check::Schema(validator::Validator::new(&schema, "")?),
        };
        let payload = Type::plain(kind).with_facts(Facts::of(&schema));
        Ok(Self(Arc::new(Compiled {
            schema,
            payload,
            check,
        })))
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<serde_json::Value> {
        &self.0.schema
    }

    /// The type of payloads that satisfy this contract.
    pub fn payload(&self) -> &Type {
        &self.0.payload
    }

    /// Checks one message. `1.0` is a number but not an integer.
    pub fn check(&self, payload: &Value) -> Result<(), Violation> {
        match &self.0.check {
            Check::Shape(shape) => shape.check(payload),
            Check::Schema(validator) => validator.check(payload),
        }
    }
}
