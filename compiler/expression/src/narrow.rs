//! What a message is known to be once a condition holds. Small and sound: conjunctions of tests of a
//! field of the payload. VRL does none of this.

use vrl::parser::ast::{
    Container, Expr, FunctionCall, Literal, Node, Op, Opcode, QueryTarget, Unary,
};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};
use vrl::value::Kind;
use vrl::value::kind::Collection;

/// The kind of payloads of kind `kind` for which `condition` is true; nothing when it teaches nothing.
pub(crate) fn narrowed(kind: &Kind, condition: &Expr) -> Option<Kind> {
    match condition {
        Expr::Container(_) => narrowed(kind, grouped(condition)?),
        Expr::Op(op) => by_operator(kind, op.inner()),
        Expr::FunctionCall(call) => by_call(kind, call.inner(), true),
        Expr::Unary(unary) => {
            let Unary::Not(not) = unary.inner();
            let (_, inner) = not.inner().clone().take();
            match grouped(inner.inner()).unwrap_or(inner.inner()) {
                Expr::FunctionCall(call) => by_call(kind, call.inner(), false),
                _ => None,
            }
        }
        _ => None,
    }
}

fn grouped(expr: &Expr) -> Option<&Expr> {
    let Expr::Container(container) = expr else {
        return None;
    };
    match container.inner() {
        Container::Group(group) => Some(group.inner().0.inner()),
        _ => None,
    }
}

fn by_operator(kind: &Kind, op: &Op) -> Option<Kind> {
    let Op(left, code, right) = op;
    match code.inner() {
        Opcode::And => match narrowed(kind, left.inner()) {
            Some(kind) => Some(narrowed(&kind, right.inner()).unwrap_or(kind)),
            None => narrowed(kind, right.inner()),
        },
        Opcode::Or => Some(narrowed(kind, left.inner())?.union(narrowed(kind, right.inner())?)),
        Opcode::Eq | Opcode::Ne => {
            let (path, literal) = match (path(left.inner()), path(right.inner())) {
                (Some(path), None) => (path, literal(right)?),
                (None, Some(path)) => (path, literal(left)?),
                _ => return None,
            };
            let wanted = match code.inner() {
                Opcode::Eq => equal_to(literal)?,
                _ if matches!(literal, Literal::Null) => present(),
                _ => return None,
            };
            restrict(kind, &path.segments, &wanted)
        }
        _ => None,
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

fn by_call(kind: &Kind, call: &FunctionCall, holds: bool) -> Option<Kind> {
    let [argument] = call.arguments.as_slice() else {
        return None;
    };
    let path = path(argument.inner().expr.inner())?;
    let wanted = match (call.ident.inner().as_ref(), holds) {
        ("exists", true) => Kind::json(),
        ("is_null" | "is_nullish", false) => present(),
        ("is_string", true) => Kind::bytes(),
        ("is_integer", true) => Kind::integer(),
        ("is_float", true) => Kind::float(),
        ("is_boolean", true) => Kind::boolean(),
        ("is_object", true) => Kind::any_object(),
        ("is_array", true) => Kind::array(Collection::any()),
        _ => return None,
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
    let Expr::Query(query) = expr else {
        return None;
    };
    let query = query.inner();
    matches!(
        query.target.inner(),
        QueryTarget::External(PathPrefix::Event)
    )
    .then(|| query.path.inner())
}

fn literal(expr: &Node<Expr>) -> Option<&Literal> {
    match expr.inner() {
        Expr::Literal(literal) => Some(literal.inner()),
        _ => None,
    }
}

/// The kind whose value at a path exists and is one of `wanted`, by its outermost type.
fn restrict(kind: &Kind, path: &[OwnedSegment], wanted: &Kind) -> Option<Kind> {
    teaches(kind, path, wanted).then(|| restricted(kind, path, wanted))
}

fn teaches(kind: &Kind, path: &[OwnedSegment], wanted: &Kind) -> bool {
    let Some((segment, rest)) = path.split_first() else {
        return kind.contains_undefined()
            || kind.contains_bytes() && !wanted.contains_bytes()
            || kind.contains_integer() && !wanted.contains_integer()
            || kind.contains_float() && !wanted.contains_float()
            || kind.contains_boolean() && !wanted.contains_boolean()
            || kind.contains_null() && !wanted.contains_null()
            || kind.contains_object() && !wanted.contains_object()
            || kind.contains_array() && !wanted.contains_array();
    };
    match (segment, kind.as_object()) {
        (OwnedSegment::Field(name), Some(object)) => match object.known().get(&name.clone().into())
        {
            Some(inner) => !kind.is_exact() || teaches(inner, rest, wanted),
            None => true,
        },
        // Which item a position names depends on the length.
        _ => false,
    }
}

fn restricted(kind: &Kind, path: &[OwnedSegment], wanted: &Kind) -> Kind {
    let Some((segment, rest)) = path.split_first() else {
        return outermost(kind, wanted);
    };
    let (OwnedSegment::Field(name), Some(object)) = (segment, kind.as_object()) else {
        return kind.clone();
    };
    let mut object = object.clone();
    let inner = object
        .known()
        .get(&name.clone().into())
        .cloned()
        .unwrap_or_else(|| object.unknown_kind());
    object.known_mut().insert(
        name.clone().into(),
        restricted(&inner, rest, wanted).without_undefined(),
    );
    Kind::object(object)
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
