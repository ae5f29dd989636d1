//! Where VRL's types of writes promise too much, and what may be promised.

use vrl::path::{OwnedSegment, OwnedValuePath};
use vrl::value::Kind;

/// Where VRL is wrong about a write below something that may not be there: it keeps for certain all
/// fields that the object has when it is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Weak {
    /// Places of the input whose fields must be taken for optional.
    pub(crate) input: Vec<Vec<OwnedSegment>>,
    /// The output's fields must be taken for optional: the place is the program's own work.
    pub(crate) output: bool,
}

impl Weak {
    /// The input, as VRL must see it.
    pub(crate) fn input(&self, kind: &Kind) -> Kind {
        let mut kind = kind.clone();
        for path in &self.input {
            let path = OwnedValuePath {
                segments: path.clone(),
            };
            let mut inner = kind.at_path(&path);
            optional(&mut inner, false);
            if path.segments.is_empty() {
                kind = inner;
            } else if kind.at_path(&path).contains_object() || kind.at_path(&path).contains_array()
            {
                replace(&mut kind, &path.segments, &inner);
            }
        }
        kind
    }

    /// The output, as it is.
    pub(crate) fn output(&self, mut kind: Kind) -> Kind {
        if self.output {
            optional(&mut kind, true);
        }
        kind
    }
}

/// Makes the fields and positions of a kind optional, and those within them if asked.
fn optional(kind: &mut Kind, deep: bool) {
    let weaken = |inner: &mut Kind| {
        if deep {
            optional(inner, true);
        }
        inner.add_undefined();
    };
    if let Some(object) = kind.as_object_mut() {
        object.known_mut().values_mut().for_each(weaken);
    }
    if let Some(array) = kind.as_array_mut() {
        array.known_mut().values_mut().for_each(weaken);
    }
}

/// Replaces the kind at a path and leaves what is around it alone, as VRL's insertion does not.
fn replace(kind: &mut Kind, path: &[OwnedSegment], with: &Kind) {
    let Some((segment, rest)) = path.split_first() else {
        *kind = with.clone();
        return;
    };
    match segment {
        OwnedSegment::Field(name) => {
            let inner = kind
                .as_object_mut()
                .and_then(|object| object.known_mut().get_mut(&name.clone().into()));
            if let Some(inner) = inner {
                replace(inner, rest, with);
            }
        }
        // Items share a kind, or have a position of their own; both stay what they are but optional.
        OwnedSegment::Index(_) => optional(kind, true),
    }
}
