//! How large values can become, in multiples of the message. Most programs put each field into one
//! place and need no watching; those that double a variable, or copy the payload once per item, are
//! metered while they run.

use std::collections::BTreeMap;

use vrl::parser::ast::{Expr, Node};

use crate::functions::Meter;

/// What one expression may make of its operands.
const COPIES: u64 = 128;

/// What a program may make of the message without being watched.
const UNWATCHED: u64 = 64;

/// How large a value can be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    /// In multiples of the largest operand.
    copies: u64,
    /// In multiples of the message.
    growth: u64,
}

/// The sizes of variables and payload, as far as the walk has come.
#[derive(Debug)]
pub(super) struct Growth {
    variables: BTreeMap<String, u64>,
    payload: u64,
    /// Closures' own parameters: all items together are as large as what they come from.
    parameters: Vec<String>,
    /// The program must be metered.
    pub(super) found: bool,
    /// The program is being metered.
    pub(super) meter: bool,
}

impl Size {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            copies: self.copies.saturating_add(other.copies),
            growth: self.growth.saturating_add(other.growth),
        }
    }

    pub(super) fn times(self, factor: u64) -> Self {
        Self {
            copies: self.copies.saturating_mul(factor),
            growth: self.growth.saturating_mul(factor),
        }
    }

    /// Whether no expression may be that large.
    pub(super) fn is_excessive(self) -> bool {
        self.copies > COPIES
    }
}

impl Growth {
    pub(super) fn new(meter: bool) -> Self {
        Self {
            variables: BTreeMap::new(),
            payload: 1,
            parameters: Vec::new(),
            found: false,
            meter,
        }
    }

    /// The payload or a part of it is read.
    pub(super) fn payload(&mut self, closures: usize) -> Size {
        self.found |= closures > 0;
        Size {
            copies: 1,
            growth: self.payload,
        }
    }

    /// A variable or a part of it is read.
    pub(super) fn variable(&mut self, name: &str, closures: usize) -> Size {
        if closures > 0 && !self.parameters.iter().any(|parameter| parameter == name) {
            self.found = true;
        }
        Size {
            copies: 1,
            growth: self.variables.get(name).copied().unwrap_or(1),
        }
    }

    /// A variable gets a value.
    pub(super) fn assign(&mut self, name: &str, size: Size, closures: usize) {
        let known = self.variables.entry(name.to_owned()).or_default();
        *known = (*known).max(size.growth);
        self.found |= size.growth > UNWATCHED || closures > 0;
    }

    /// The payload, or a part of it, gets a value.
    pub(super) fn write(&mut self, size: Size) {
        self.payload = self.payload.saturating_add(size.growth);
        self.found |= self.payload > UNWATCHED;
    }

    /// A closure begins.
    pub(super) fn enter(&mut self, parameters: impl IntoIterator<Item = String>) -> usize {
        let before = self.parameters.len();
        self.parameters.extend(parameters);
        before
    }

    /// The closure that began with `before` ends.
    pub(super) fn leave(&mut self, before: usize) {
        self.parameters.truncate(before);
    }

    /// A value that is assigned, or returned by a closure, metered if need be.
    pub(super) fn metered(&self, meter: Meter, value: Node<Expr>) -> Node<Expr> {
        if !self.meter
            || matches!(
                value.inner(),
                Expr::Literal(_) | Expr::Assignment(_) | Expr::Abort(_) | Expr::Break(_)
            )
        {
            return value;
        }
        let span = value.span();
        Node::new(span, super::variables::call(meter.name(), value))
    }
}

/// How much larger than its arguments the result of a function can be, but for what `replace` and
/// `join` insert.
pub(super) fn factor(function: &str) -> u64 {
    match function {
        "encode_json" | "encode_percent" | "encode_csv" | "encode_key_value" | "to_string" => 6,
        "encode_base16" | "encode_base64" | "parse_regex_all" | "chunks" | "split" => 2,
        _ => 1,
    }
}
