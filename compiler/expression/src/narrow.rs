//! What a message is known to be once a condition holds. Small and sound: conjunctions of tests of a
//! field of the payload. VRL does none of this.

use vrl::parser::ast::{Container, Expr, FunctionCall, Literal, Node, Op, Opcode, QueryTarget, Unary};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};
use vrl::value::Kind;
use vrl::value::kind::Collection;

/// The kind of payloads of kind `kind` for which `condition` is true.
pub(crate) fn narrowed(kind: &Kind, condition: &Expr) -> Kind {
    match condition {
        Expr::Container(container) => match container.inner() {
            Container::Group(group) => narrowed(kind, group.inner().0.inner()),
            _ => kind.clone(),
        },
        Expr::Op(op) => by_operator(kind, op.inner()),
        Expr::FunctionCall(call) => by_call(kind, call.inner(), true),
        Expr::Unary(unary) => {
            let Unary::Not(not) = unary.inner();
            let (_, inner) = not.inner().clone().take();
            match inner.inner() {
                Expr::FunctionCall(call) => by_call(kind, call.inner(), false),
                Expr::Container(container) => match container.inner() {
                    Container::Group(group) => match group.inner().0.inner() {
                        Expr::FunctionCall(call) => by_call(kind, call.inner(), false),
                        _ => kind.clone(),
                    },
                    _ => kind.clone(),
                },
                _ => kind.clone(),
            }
        }
        Expr::Query(query) => match path(condition) {
            // A bare `.flag` is a condition only when it is true.
            Some(path) if query.inner().path.inner() == path => restrict(kind, &path.segments, &Kind::boolean()),
            _ => kind.clone(),
        },
        _ => kind.clone(),
    }
}

fn by_operator(kind: &Kind, op: &Op) -> Kind {
    let Op(left, code, right) = op;
    match code.inner() {
        Opcode::And => narrowed(&narrowed(kind, left.inner()), right.inner()),
        Opcode::Or => narrowed(kind, left.inner()).union(narrowed(kind, right.inner())),
        Opcode::Eq | Opcode::Ne => {
            let (path, literal) = match (path(left.inner()), path(right.inner())) {
                (Some(path), None) => (path, literal(right)),
                (None, Some(path)) => (path, literal(left)),
                _ => return kind.clone(),
            };
            let Some(literal) = literal else { return kind.clone() };
            match (code.inner(), equal_to(literal)) {
                (Opcode::Eq, Some(wanted)) => restrict(kind, &path.segments, &wanted),
                (Opcode::Ne, _) if matches!(literal, Literal::Null) => restrict(kind, &path.segments, &present()),
                _ => kind.clone(),
            }
        }
        _ => kind.clone(),
    }
}

/// The kinds that may equal a literal; an absent field reads as null.
fn equal_to(literal: &Literal) -> Option<Kind> {
    match literal {
        Literal::String(_) | Literal::RawString(_) => Some(Kind::bytes()),
        // VRL compares integers and floats by value.
        Literal::Integer(_) | Literal::Float(_) => Some(Kind::integer().or_float()),
        Literal::Boolean(_) => Some(Kind::boolean()),
        _ => None,
    }
}

fn by_call(kind: &Kind, call: &FunctionCall, holds: bool) -> Kind {
    let [argument] = call.arguments.as_slice() else { return kind.clone() };
    let Some(path) = path(argument.inner().expr.inner()) else { return kind.clone() };
    let wanted = match (call.ident.inner().as_ref(), holds) {
        ("exists", true) => Kind::json(),
        ("is_null" | "is_nullish", false) => present(),
        ("is_string", true) => Kind::bytes(),
        ("is_integer", true) => Kind::integer(),
        ("is_float", true) => Kind::float(),
        ("is_boolean", true) => Kind::boolean(),
        ("is_object", true) => Kind::any_object(),
        ("is_array", true) => Kind::array(Collection::any()),
        _ => return kind.clone(),
    };
    restrict(kind, &path.segments, &wanted)
}

/// Everything but null.
fn present() -> Kind {
    let mut kind = Kind::json();
    kind.remove_null();
    kind
}

/// The path of a plain query of the payload.
fn path(expr: &Expr) -> Option<&OwnedValuePath> {
    let Expr::Query(query) = expr else { return None };
    let query = query.inner();
    matches!(query.target.inner(), QueryTarget::External(PathPrefix::Event)).then(|| query.path.inner())
}

fn literal(expr: &Node<Expr>) -> Option<&Literal> {
    match expr.inner() {
        Expr::Literal(literal) => Some(literal.inner()),
        _ => None,
    }
}

/// The kind whose value at a path exists and is one of `wanted`, by its outermost type.
fn restrict(kind: &Kind, path: &[OwnedSegment], wanted: &Kind) -> Kind {
    let Some((segment, rest)) = path.split_first() else {
        return outermost(kind, wanted);
    };
    match segment {
        OwnedSegment::Field(name) => {
            let Some(object) = kind.as_object() else { return kind.clone() };
            let mut object = object.clone();
            let unknown = object.unknown_kind();
            let inner = object.known().get(&name.clone().into()).cloned().unwrap_or(unknown);
            object.known_mut().insert(name.clone().into(), restrict(&inner, rest, wanted).without_undefined());
            Kind::object(object)
        }
        // Which item a position names depends on the length; nothing is learnt but that it is an array.
        OwnedSegment::Index(_) => match kind.as_array() {
            Some(array) => Kind::array(array.clone()),
            None => kind.clone(),
        },
    }
}

fn outermost(kind: &Kind, wanted: &Kind) -> Kind {
    let mut kind = kind.without_undefined();
    if !wanted.contains_bytes() {
        kind.remove_bytes();
    }
    if !wanted.contains_integer() {
        kind.remove_integer();
    }
    if !wanted.contains_float() {
        kind.remove_float();
    }
    if !wanted.contains_boolean() {
        kind.remove_boolean();
    }
    if !wanted.contains_null() {
        kind.remove_null();
    }
    if !wanted.contains_object() {
        kind.remove_object();
    }
    if !wanted.contains_array() {
        kind.remove_array();
    }
    kind
}
