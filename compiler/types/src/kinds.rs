//! Kinds as JSON sees them: no timestamps, no regular expressions, nothing undefined at the root.

use vrl::value::Kind;
use vrl::value::kind::{Collection, Field, Index};

/// Deeper than this, a type says nothing; it bounds every walk over kinds.
pub(crate) const DEPTH: usize = 64;

/// Array positions with types of their own; the others share one.
pub(crate) const POSITIONS: usize = 64;

/// Every JSON value.
pub(crate) fn all() -> Kind {
    Kind::json()
}

/// Whether a kind admits every JSON value and declares nothing. `undefined` does not matter.
pub(crate) fn is_all(kind: &Kind) -> bool {
    kind.contains_bytes()
        && kind.contains_integer()
        && kind.contains_float()
        && kind.contains_boolean()
        && kind.contains_null()
        && kind
            .as_object()
            .is_some_and(|object| object.known().is_empty() && !object.is_unknown_exact())
        && kind
            .as_array()
            .is_some_and(|array| array.known().is_empty() && !array.is_unknown_exact())
}

/// Whether no value has this kind; `undefined` is no value. Ask this first: VRL's `never` answers yes
/// to every `contains_…`.
pub(crate) fn is_empty(kind: &Kind) -> bool {
    kind.is_never() || kind.is_undefined()
}

/// A kind in parts, one for each of JSON's sorts; a number is one sort, with or without a fraction.
pub(crate) fn sorts(kind: &Kind) -> Vec<Kind> {
    if is_empty(kind) {
        return Vec::new();
    }
    let mut number = Kind::never();
    if kind.contains_integer() {
        number.add_integer();
    }
    if kind.contains_float() {
        number.add_float();
    }
    [
        kind.contains_bytes().then(Kind::bytes),
        kind.contains_boolean().then(Kind::boolean),
        kind.contains_null().then(Kind::null),
        (!number.is_never()).then_some(number),
        kind.as_object().map(|object| Kind::object(object.clone())),
        kind.as_array().map(|array| Kind::array(array.clone())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An object kind: declared fields, and what the others hold (`never` closes it).
pub(crate) fn object(known: impl IntoIterator<Item = (Field, Kind)>, rest: Kind) -> Kind {
    let known = known
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>();
    if known.values().any(Kind::is_never) {
        return Kind::never();
    }
    Kind::object(Collection::from_parts(known, rest.or_undefined()))
}

/// An array kind: the first positions, and what the others hold. Positions below `least` exist.
pub(crate) fn array(first: impl IntoIterator<Item = Kind>, rest: Kind, least: usize) -> Kind {
    let mut known: Vec<Kind> = first.into_iter().collect();
    let rest = rest.or_undefined();
    while known.len() < least.min(POSITIONS) {
        known.push(rest.clone());
    }
    if known.len() > POSITIONS {
        let rest = known.into_iter().fold(rest, |rest, kind| rest.union(kind));
        return Kind::array(Collection::<Index>::from_unknown(rest));
    }
    let mut positions = std::collections::BTreeMap::new();
    for (position, mut kind) in known.into_iter().enumerate() {
        if position < least {
            kind.remove_undefined();
        }
        if kind.is_never() {
            return Kind::never();
        }
        positions.insert(Index::from(position), kind);
    }
    Kind::array(Collection::from_parts(positions, rest))
}

/// The kind of the values behind `rest` fields or positions, without `undefined`.
pub(crate) fn rest<T: Ord + Clone>(collection: &Collection<T>) -> Kind {
    if collection.is_unknown_exact() {
        collection.unknown_kind().without_undefined()
    } else {
        all()
    }
}

/// What VRL inferred, as it is once encoded: timestamps and regular expressions are strings.
pub(crate) fn normal(kind: &Kind) -> Kind {
    normal_at(kind, 0)
}

fn normal_at(kind: &Kind, depth: usize) -> Kind {
    if is_empty(kind) {
        return kind.clone();
    }
    if is_all(kind) {
        return if kind.contains_undefined() {
            all().or_undefined()
        } else {
            all()
        };
    }
    let mut out = scalars(kind);
    if kind.contains_undefined() {
        out.add_undefined();
    }
    if depth > DEPTH {
        return out.union(all());
    }
    if let Some(collection) = kind.as_object() {
        let known = collection
            .known()
            .iter()
            .map(|(field, kind)| (field.clone(), normal_at(kind, depth + 1)));
        out = either(out, &object(known, normal_at(&rest(collection), depth + 1)));
    }
    if let Some(collection) = kind.as_array() {
        let others = normal_at(&rest(collection), depth + 1);
        let length = collection
            .known()
            .keys()
            .next_back()
            .map_or(0, |index| index.to_usize() + 1);
        let least = collection
            .known()
            .iter()
            .rev()
            .find(|(_, kind)| !kind.contains_undefined())
            .map_or(0, |(index, _)| index.to_usize() + 1);
        let collapsed = length > POSITIONS;
        out = either(
            out,
            &if collapsed {
                let kinds = collection
                    .known()
                    .values()
                    .map(|kind| normal_at(kind, depth + 1));
                array([], kinds.fold(others, |rest, kind| rest.union(kind)), 0)
            } else {
                let first = (0..length).map(|position| {
                    collection.known().get(&Index::from(position)).map_or_else(
                        || others.clone().or_undefined(),
                        |kind| normal_at(kind, depth + 1),
                    )
                });
                array(first.collect::<Vec<_>>(), others.clone(), least)
            },
        );
    }
    out
}

/// The scalars of a kind.
fn scalars(kind: &Kind) -> Kind {
    let mut out = Kind::never();
    if kind.contains_bytes() || kind.contains_timestamp() || kind.contains_regex() {
        out.add_bytes();
    }
    if kind.contains_integer() {
        out.add_integer();
    }
    if kind.contains_float() {
        out.add_float();
    }
    if kind.contains_boolean() {
        out.add_boolean();
    }
    if kind.contains_null() {
        out.add_null();
    }
    out
}

/// A kind with a collection of `other` put in; `out` has none of that sort yet.
fn either(mut out: Kind, other: &Kind) -> Kind {
    if let Some(collection) = other.as_object() {
        out.add_object(collection.clone());
    }
    if let Some(collection) = other.as_array() {
        out.add_array(collection.clone());
    }
    out
}

/// The values that have both kinds.
pub(crate) fn meet(left: &Kind, right: &Kind) -> Kind {
    if left.is_never() || right.is_never() {
        return Kind::never();
    }
    let undefined = left.contains_undefined() && right.contains_undefined();
    let mut out = if is_all(left) {
        right.without_undefined()
    } else if is_all(right) {
        left.without_undefined()
    } else {
        meet_apart(left, right)
    };
    if undefined {
        out.add_undefined();
    }
    out
}

fn meet_apart(left: &Kind, right: &Kind) -> Kind {
    let mut out = Kind::never();
    if left.contains_bytes() && right.contains_bytes() {
        out.add_bytes();
    }
    if left.contains_integer() && right.contains_integer() {
        out.add_integer();
    }
    if left.contains_float() && right.contains_float() {
        out.add_float();
    }
    if left.contains_boolean() && right.contains_boolean() {
        out.add_boolean();
    }
    if left.contains_null() && right.contains_null() {
        out.add_null();
    }
    if let (Some(left), Some(right)) = (left.as_object(), right.as_object()) {
        let fields: std::collections::BTreeSet<&Field> =
            left.known().keys().chain(right.known().keys()).collect();
        let known = fields
            .into_iter()
            .map(|field| (field.clone(), meet(&at(left, field), &at(right, field))));
        out = either(
            out,
            &object(known.collect::<Vec<_>>(), meet(&rest(left), &rest(right))),
        );
    }
    if let (Some(left), Some(right)) = (left.as_array(), right.as_array()) {
        let length = [left, right]
            .iter()
            .filter_map(|array| array.known().keys().next_back())
            .map(|index| index.to_usize() + 1)
            .max()
            .unwrap_or(0);
        let first = (0..length)
            .map(Index::from)
            .map(|index| meet(&at(left, &index), &at(right, &index)));
        out = either(
            out,
            &array(
                first.collect::<Vec<_>>(),
                meet(&rest(left), &rest(right)),
                0,
            ),
        );
    }
    out
}

/// The kind at a field or position, `undefined` if it may be absent.
pub(crate) fn at<T: Ord + Clone>(collection: &Collection<T>, key: &T) -> Kind {
    collection
        .known()
        .get(key)
        .cloned()
        .unwrap_or_else(|| rest(collection).or_undefined())
}

/// Whether two kinds admit the same values. VRL's own equality brings both into a canonical form at
/// each level, which takes time exponential in the depth.
pub(crate) fn same(left: &Kind, right: &Kind) -> bool {
    if left.is_never() || right.is_never() {
        return left.is_never() && right.is_never();
    }
    let scalars = |kind: &Kind| {
        [
            kind.contains_bytes(),
            kind.contains_integer(),
            kind.contains_float(),
            kind.contains_boolean(),
            kind.contains_null(),
            kind.contains_undefined(),
        ]
    };
    scalars(left) == scalars(right)
        && match (left.as_object(), right.as_object()) {
            (Some(left), Some(right)) => same_collections(left, right),
            (None, None) => true,
            _ => false,
        }
        && match (left.as_array(), right.as_array()) {
            (Some(left), Some(right)) => same_collections(left, right),
            (None, None) => true,
            _ => false,
        }
}

fn same_collections<T: Ord + Clone>(left: &Collection<T>, right: &Collection<T>) -> bool {
    let rests = match (left.is_unknown_exact(), right.is_unknown_exact()) {
        (false, false) => true,
        (true, true) => same(&rest(left), &rest(right)),
        _ => is_all(&rest(left)) && is_all(&rest(right)),
    };
    rests
        && left
            .known()
            .keys()
            .chain(right.known().keys())
            .all(|key| same(&at(left, key), &at(right, key)))
}
