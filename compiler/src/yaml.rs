//! YAML as a tree with the place of every key and value.
//!
//! One parse gives both the values and the places, so they cannot disagree.

mod ambiguous;
mod json;
mod offsets;
mod read;

pub(crate) use ambiguous::{hardens_on_the_way, quoted};
pub(crate) use json::to_json;
pub(crate) use offsets::locate;
pub(crate) use read::{Broken, DocumentText, read};

use std::ops::Range;

use crate::path::{Path, Segment};

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Bytes of the value in the text; those of a collection reach from its first to its last child.
    pub(crate) span: Range<usize>,
    /// An explicit tag that is not of YAML's core schema, as written, and its bytes.
    pub(crate) tag: Option<Range<usize>>,
    /// The value.
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Text, or what looks like a number, a boolean or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Fields, in the order in which they stand.
    Mapping(Vec<Entry>),
}

/// A scalar as it was decoded.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The decoded text.
    pub(crate) text: String,
    /// How it was written.
    pub(crate) style: granit_parser::ScalarStyle,
    /// An explicit `!!str`.
    pub(crate) string: bool,
}

/// One field.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The field's name.
    pub(crate) key: String,
    /// Bytes of the name.
    pub(crate) key_span: Range<usize>,
    /// Whether the name was written without quotes.
    pub(crate) key_plain: bool,
    /// The value.
    pub(crate) value: Node,
}

/// Where a path ends in a tree.
pub(crate) struct Found<'a> {
    /// The deepest value on the path.
    pub(crate) node: &'a Node,
    /// Its name, where it is a field.
    pub(crate) key: Option<Range<usize>>,
    /// Whether the whole path was there.
    pub(crate) complete: bool,
}

impl Node {
    /// The value of a field.
    pub(crate) fn field(&self, key: &str) -> Option<&Self> {
        let Value::Mapping(entries) = &self.value else {
            return None;
        };
        entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    /// The text of a scalar field.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        match &self.field(key)?.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Follows a path as far as it goes.
    pub(crate) fn find(&self, path: &Path) -> Found<'_> {
        let mut found = Found {
            node: self,
            key: None,
            complete: true,
        };
        for segment in path.segments() {
            let next = match (&found.node.value, segment) {
                (Value::Mapping(entries), Segment::Key(key)) => entries
                    .iter()
                    .find(|entry| &entry.key == key)
                    .map(|entry| (&entry.value, Some(entry.key_span.clone()))),
                (Value::Sequence(items), Segment::Index(index)) => {
                    items.get(*index).map(|item| (item, None))
                }
                _ => None,
            };
            let Some((node, key)) = next else {
                found.complete = false;
                return found;
            };
            found.node = node;
            found.key = key;
        }
        found
    }
}
