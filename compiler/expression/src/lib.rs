//! Expressions (VRL): allow-list, limits, typing and evaluation. Shared by the compiler and the
//! runtime, so that what was proved is what runs.
//!
//! A text passes four gates, each before the next sees it: [`guard`] measures it, VRL's parser reads
//! it, `walk` refuses what expressions may not do and fields that nobody declared, and VRL's compiler
//! types what is left. Users see `docs/expressions.md`.

mod compile;
mod cost;
mod diagnose;
mod fields;
mod functions;
pub mod guard;
mod message;
mod narrow;
mod run;
mod walk;

use std::ops::Range;
use std::sync::Arc;

use vrl::compiler::Program;
use vrl::value::Value;
use vrsky_types::Type;

pub use functions::names as function_names;

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

/// A compiled filter or condition. Cloning shares what was compiled.
#[derive(Clone, Debug)]
pub struct Filter(Arc<[Program]>);

/// A compiled map. Cloning shares what was compiled.
#[derive(Clone, Debug)]
pub struct Map(Arc<Program>, run::Finish);

/// A compiled `{expr: …}`: a value computed from the message. Cloning shares what was compiled.
#[derive(Clone, Debug)]
pub struct Computed(Arc<Program>, run::Finish);

impl Filter {
    /// Compiles a boolean expression. The second result is the type of the messages that pass: a
    /// conjunction of `exists(.x)`, `.x != null`, `.x == "literal"`, `is_string(.x)` and the like
    /// narrows it, for the conjuncts to its right as well.
    pub fn compile(source: &str, input: &Type) -> Result<(Self, Type), Vec<Mistake>> {
        compile::filter(source, input).map(|(programs, output)| (Self(programs.into()), output))
    }

    /// Whether the message passes. The payload is not changed.
    pub fn run(&self, message: &mut Message) -> Result<bool, Failure> {
        run::filter(&self.0, message)
    }
}

impl Map {
    /// Compiles a program. The second result is the type of what it makes of messages of `input`.
    pub fn compile(source: &str, input: &Type) -> Result<(Self, Type), Vec<Mistake>> {
        let (program, kind, facts) = compile::map(source, input)?;
        let finish = run::Finish::of(&kind);
        let output = Type::from_kind(kind).with_facts(facts);
        Ok((Self(Arc::new(program), finish), output))
    }

    /// Changes the message. On failure its payload is unspecified: keep a copy.
    pub fn run(&self, message: &mut Message) -> Result<(), Failure> {
        run::map(&self.0, self.1, message)
    }
}

impl Computed {
    /// Compiles an expression. The second result is the type of its value.
    pub fn compile(source: &str, input: &Type) -> Result<(Self, Type), Vec<Mistake>> {
        let (program, kind) = compile::computed(source, input)?;
        let finish = run::Finish::of(&kind);
        Ok((Self(Arc::new(program), finish), Type::from_kind(kind)))
    }

    /// Computes the value. The payload is not changed.
    pub fn run(&self, message: &mut Message) -> Result<Value, Failure> {
        run::computed(&self.0, self.1, message)
    }
}
