//! Queries: fields that somebody declared.

use std::ops::Range;

use vrl::parser::ast::{self, Expr, Node, QueryTarget};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};

use super::{Size, Walk, Walked};
use crate::cost::Cost;
use crate::fields::{Parent, Undeclared};
use crate::{Mistake, MistakeKind, diagnose};

impl Walk<'_> {
    pub(super) fn query(&mut self, query: Node<ast::Query>) -> Walked<Expr> {
        let (span, query) = query.take();
        let (target_span, target) = query.target.take();
        let mut cost = Cost::LEAF;
        let mut declared = None;
        let size: Size;
        let target = match target {
            QueryTarget::External(prefix) => {
                self.read(prefix, query.path.inner(), &span.range());
                if prefix == PathPrefix::Event {
                    declared = Some(self.payload.declared(query.path.inner()));
                }
                size = self.growth.payload(self.closures);
                QueryTarget::External(prefix)
            }
            QueryTarget::FunctionCall(call) => {
                let walked = self.function_call(call);
                cost = walked.cost.above(4, 1);
                size = walked.size;
                QueryTarget::FunctionCall(walked.node)
            }
            QueryTarget::Container(container) => {
                let walked = self.container(Node::new(target_span, container), super::Place::Value);
                cost = walked.cost.above(4, 1);
                size = walked.size;
                match walked.node {
                    Expr::Container(node) => QueryTarget::Container(node.into_inner()),
                    // `container` returns containers.
                    other => QueryTarget::Container(ast::Container::Group(Box::new(Node::new(
                        target_span,
                        ast::Group(Node::new(target_span, other)),
                    )))),
                }
            }
            QueryTarget::Internal(ident) => {
                size = self.growth.variable(&ident, self.closures);
                self.queried(Node::new(target_span, ident))
            }
        };
        let query = ast::Query {
            target: Node::new(target_span, target),
            path: query.path,
        };
        Walked {
            node: Expr::Query(Node::new(span, query)),
            cost,
            declared,
            size,
        }
    }

    fn read(&mut self, prefix: PathPrefix, path: &OwnedValuePath, span: &Range<usize>) {
        let fields = if prefix == PathPrefix::Event {
            &self.payload
        } else {
            &self.metadata
        };
        if let Err(undeclared) = fields.read(path) {
            let mistake = self.undeclared(prefix, path, span, &undeclared);
            self.mistakes.push(mistake);
        }
    }

    fn undeclared(
        &self,
        prefix: PathPrefix,
        path: &OwnedValuePath,
        span: &Range<usize>,
        found: &Undeclared,
    ) -> Mistake {
        let span = diagnose::within(self.source, span);
        let sign = if prefix == PathPrefix::Event {
            '.'
        } else {
            '%'
        };
        let parent = shown(sign, &path.segments[..found.segment]);
        let whole = shown(sign, &path.segments[..=found.segment]);
        let places = places(&self.source[span.clone()], span.start);
        let place = (places.len() == path.segments.len()).then(|| places[found.segment].clone());
        let meant = match &path.segments[found.segment] {
            OwnedSegment::Field(name) => {
                diagnose::nearest(name, found.beside.iter().map(String::as_str))
            }
            OwnedSegment::Index(_) => None,
        };
        let message = match found.parent {
            Parent::NoObject => format!("`{parent}` has no fields, so there is no `{whole}`"),
            Parent::NoArray => format!("`{parent}` has no item there, so there is no `{whole}`"),
            Parent::Closed if prefix == PathPrefix::Metadata => {
                format!("the metadata has no `{whole}`")
            }
            Parent::Open | Parent::Closed => format!("no contract declares `{whole}`"),
        };
        let help = match meant {
            Some(meant) => {
                let mut segments = path.segments[..found.segment].to_vec();
                segments.push(OwnedSegment::Field(meant.into()));
                Some(format!("did you mean `{}`?", shown(sign, &segments)))
            }
            None if found.parent == Parent::Closed && !found.beside.is_empty() => {
                let mut names: Vec<&str> = found.beside.iter().map(String::as_str).collect();
                names.truncate(12);
                Some(format!("`{parent}` has {}", names.join(", ")))
            }
            None if found.parent == Parent::Open => {
                Some("declare it in the contract, or take it with `get!(., [\"name\"])`, which may find null".to_owned())
            }
            None => None,
        };
        let fix = meant
            .zip(place.clone())
            .map(|(meant, place)| (place, quoted(meant)));
        Mistake {
            kind: MistakeKind::UnknownField,
            span: place.unwrap_or(span),
            message,
            help,
            fix,
        }
    }
}

fn quoted(name: &str) -> String {
    OwnedSegment::field(name).to_string()
}

/// A path as it is written.
fn shown(sign: char, segments: &[OwnedSegment]) -> String {
    let path = OwnedValuePath {
        segments: segments.to_vec(),
    };
    format!("{sign}{path}")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(100)
        .collect()
}

/// Where each segment of a written path stands, without dots and brackets.
fn places(text: &str, start: usize) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut places = Vec::new();
    let mut at = usize::from(bytes.first().is_some_and(|byte| b".%".contains(byte)));
    while at < bytes.len() {
        let from = at;
        match bytes[at] {
            b'.' => at += 1,
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                places.push(start + from..start + at);
            }
            b'[' => {
                at += bytes[at..]
                    .iter()
                    .position(|byte| *byte == b']')
                    .unwrap_or(bytes.len() - at - 1)
                    + 1;
                places.push(start + from..start + at);
            }
            byte if byte.is_ascii_alphanumeric() || b"_@".contains(&byte) => {
                at += bytes[at..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || b"_@".contains(byte))
                    .count();
                places.push(start + from..start + at);
            }
            _ => return Vec::new(),
        }
    }
    places
}
