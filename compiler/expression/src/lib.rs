//! Expressions (VRL): allow-list, limits, typing and evaluation. Shared by the compiler and the
//! runtime, so that what was proved is what runs.

use std::ops::Range;

use vrl::value::Value;
use vrsky_types::Type;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// What sort of mistake it is; the compiler gives each a code.
    pub kind: MistakeKind,
    /// Bytes in the expression's text.
    pub span: Range<usize>,
    /// One line.
    pub message: String,
    /// How to mend it, one line.
    pub help: Option<String>,
    /// A replacement that makes the mistake vanish: bytes and text.
    pub fix: Option<(Range<usize>, String)>,
}

/// Sorts of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MistakeKind {
    /// Too long, too deep, too many operators.
    TooLarge,
    /// Not VRL.
    Syntax,
    /// A function that does not exist.
    UnknownFunction,
    /// A function or form that expressions may not use.
    NotAllowed,
    /// A field that no contract declares.
    UnknownField,
    /// A call that can fail and says nothing of failure.
    Fallible,
    /// A filter or condition that is not boolean.
    NotBoolean,
    /// Operands or arguments of types that do not fit.
    TypeMismatch,
    /// An assignment whose value is not used, a variable that does not exist, and the like.
    Other,
}

/// What an expression sees: `.` is the payload, `%` the metadata.
#[derive(Clone, Debug)]
pub struct Message {
    /// The payload.
    pub payload: Value,
    /// An object: `id`, `time` (RFC 3339), and what the source gives, such as `headers`.
    pub metadata: Value,
}

/// A message on which an expression failed at run time (`abort`, or a failing `f!()`).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// One line, without the payload's values where VRL allows it.
    pub message: String,
}

/// A compiled filter or condition.
#[derive(Clone, Debug)]
pub struct Filter(());

/// A compiled map.
#[derive(Clone, Debug)]
pub struct Map(());

/// A compiled `{expr: …}`: a value computed from the message.
#[derive(Clone, Debug)]
pub struct Computed(());

impl Filter {
    /// Compiles a boolean expression. The second result is the type of the messages that pass.
    pub fn compile(source: &str, input: &Type) -> Result<(Self, Type), Vec<Mistake>> {
        let _ = source;
        Ok((Self(()), input.clone()))
    }

    /// Whether the message passes. The payload is not changed.
    pub fn run(&self, message: &mut Message) -> Result<bool, Failure> {
        let _ = message;
        Ok(true)
    }
}

impl Map {
    /// Compiles a program. The second result is the type of what it makes of messages of `input`.
    pub fn compile(source: &str, input: &Type) -> Result<(Self, Type), Vec<Mistake>> {
        let _ = source;
        Ok((Self(()), input.clone()))
    }

    /// Changes the message. On failure its payload is unspecified: keep a copy.
    pub fn run(&self, message: &mut Message) -> Result<(), Failure> {
        let _ = message;
        Ok(())
    }
}

impl Computed {
    /// Compiles an expression. The second result is the type of its value.
    pub fn compile(source: &str, input: &Type) -> Result<(Self, Type), Vec<Mistake>> {
        let _ = (source, input);
        Ok((Self(()), Type::any()))
    }

    /// Computes the value.
    pub fn run(&self, message: &mut Message) -> Result<Value, Failure> {
        let _ = message;
        Ok(Value::Null)
    }
}
