//! Which fields may be read: those that a contract declares, and what the program itself has put
//! there. VRL takes any field of an open object for granted, and an unknown field of a closed one for
//! null; here both are mistakes.

mod weak;

use vrl::path::{OwnedSegment, OwnedValuePath};
use vrl::value::Kind;
use vrl::value::kind::Collection;
use vrsky_types::{Facts, Step};

pub(crate) use weak::Weak;

/// What is declared below `.` or `%`, as far as the program has come.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    declared: Kind,
    /// Places that hold computed values: what is below them is the program's own affair.
    free: Vec<Vec<OwnedSegment>>,
    written: Vec<Vec<OwnedSegment>>,
    weak: Weak,
    /// What else is known of values that are still what they were.
    facts: Facts,
}

/// What an expression declares when it is assigned. `None` in its place means computed.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    kind: Kind,
    free: Vec<Vec<OwnedSegment>>,
    facts: Facts,
}

/// A field that nobody declared.
#[derive(Debug)]
pub(crate) struct Undeclared {
    /// Which segment of the path.
    pub(crate) segment: usize,
    /// The fields that are declared beside it.
    pub(crate) beside: Vec<String>,
    /// Whether the parent may have fields at all.
    pub(crate) parent: Parent,
}

/// What the undeclared field was looked for in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Parent {
    Open,
    Closed,
    NoObject,
    NoArray,
}

impl Declared {
    /// A constant, with its value where that is plain.
    pub(crate) fn scalar(value: Option<serde_json::Value>) -> Self {
        let kind = Kind::bytes().or_integer().or_float().or_boolean().or_null();
        Self {
            kind,
            free: Vec::new(),
            facts: value.map(Facts::constant).unwrap_or_default(),
        }
    }

    /// An object literal.
    pub(crate) fn object(fields: impl IntoIterator<Item = (String, Option<Self>)>) -> Self {
        let mut collection = Collection::empty();
        let mut free = Vec::new();
        let mut facts = Facts::default();
        for (name, declared) in fields {
            let segment = OwnedSegment::Field(name.as_str().into());
            let declared = declared.unwrap_or_else(Self::computed);
            facts.put(&[Step::Field(name.clone())], declared.facts);
            free.extend(declared.free.into_iter().map(|path| {
                let mut whole = vec![segment.clone()];
                whole.extend(path);
                whole
            }));
            collection.known_mut().insert(name.into(), declared.kind);
        }
        Self {
            kind: Kind::object(collection),
            free,
            facts,
        }
    }

    fn computed() -> Self {
        Self {
            kind: Kind::json(),
            free: vec![Vec::new()],
            facts: Facts::default(),
        }
    }
}

impl Fields {
    /// The fields of a type, and what else is known of their values.
    pub(crate) fn new(declared: Kind, facts: Facts) -> Self {
        Self {
            declared,
            free: Vec::new(),
            written: Vec::new(),
            weak: Weak::default(),
            facts,
        }
    }

    /// Where writes have gone below what may not be there, and what is known at the end.
    pub(crate) fn end(self) -> (Weak, Facts) {
        (self.weak, self.facts)
    }

    /// Whether a path may be read.
    pub(crate) fn read(&self, path: &OwnedValuePath) -> Result<(), Undeclared> {
        let mut kind = std::borrow::Cow::Borrowed(&self.declared);
        for (at, segment) in path.segments.iter().enumerate() {
            if self
                .free
                .iter()
                .any(|free| free.len() <= at && path.segments.starts_with(free))
            {
                return Ok(());
            }
            kind = match segment {
                OwnedSegment::Field(name) => {
                    let undeclared = |parent, beside| Undeclared {
                        segment: at,
                        beside,
                        parent,
                    };
                    let Some(object) = kind.as_object() else {
                        return Err(undeclared(Parent::NoObject, Vec::new()));
                    };
                    if let Some(kind) = object.known().get(&name.clone().into()) {
                        std::borrow::Cow::Owned(kind.clone())
                    } else if object.is_unknown_exact()
                        && object.unknown_kind().contains_any_defined()
                    {
                        // `additionalProperties: {…}` declares every name.
                        std::borrow::Cow::Owned(object.unknown_kind())
                    } else {
                        let beside = object
                            .known()
                            .keys()
                            .map(|field| field.as_str().to_owned())
                            .collect();
                        let closed = !object.unknown_kind().contains_any_defined();
                        return Err(undeclared(
                            if closed { Parent::Closed } else { Parent::Open },
                            beside,
                        ));
                    }
                }
                OwnedSegment::Index(index) => {
                    let undeclared = Undeclared {
                        segment: at,
                        beside: Vec::new(),
                        parent: Parent::NoArray,
                    };
                    let Some(array) = kind.as_array() else {
                        return Err(undeclared);
                    };
                    let known = usize::try_from(*index)
                        .ok()
                        .and_then(|index| array.known().get(&index.into()));
                    match known {
                        Some(kind) => std::borrow::Cow::Owned(kind.clone()),
                        None if *index < 0 || array.unknown_kind().contains_any_defined() => {
                            std::borrow::Cow::Owned(array.reduced_kind())
                        }
                        None => return Err(undeclared),
                    }
                }
            };
        }
        Ok(())
    }

    /// What reading a path declares when it is assigned elsewhere.
    pub(crate) fn declared(&self, path: &OwnedValuePath) -> Declared {
        let free = self
            .free
            .iter()
            .filter_map(|free| {
                if path.segments.starts_with(free) {
                    return Some(Vec::new());
                }
                free.strip_prefix(path.segments.as_slice())
                    .map(<[OwnedSegment]>::to_vec)
            })
            .collect();
        let place = place(&path.segments);
        let facts = if place.len() == path.segments.len() {
            self.facts.below(&place)
        } else {
            Facts::default()
        };
        Declared {
            kind: self.declared.at_path(path).without_undefined(),
            free,
            facts,
        }
    }

    /// What is at a path has changed, and nothing is known of it.
    pub(crate) fn forget(&mut self, path: &OwnedValuePath) {
        self.facts.forget(&place(&path.segments));
    }

    /// Whether what is at a path is certainly no text.
    pub(crate) fn is_no_text(&self, path: &OwnedValuePath) -> bool {
        let free = self
            .free
            .iter()
            .any(|free| path.segments.starts_with(free) || free.starts_with(&path.segments));
        !free && !self.declared.at_path(path).contains_bytes()
    }

    /// A path gets a value.
    pub(crate) fn write(&mut self, path: &OwnedValuePath, value: Option<Declared>) {
        self.weaken(&path.segments);
        self.forget(path);
        let value = value.unwrap_or_else(Declared::computed);
        let place = place(&path.segments);
        if place.len() == path.segments.len() {
            self.facts.put(&place, value.facts);
        }
        if value.kind.contains_any_defined() {
            self.declared.set_at_path(path, value.kind);
        }
        self.free.retain(|free| !free.starts_with(&path.segments));
        self.free.extend(value.free.into_iter().map(|inner| {
            let mut whole = path.segments.clone();
            whole.extend(inner);
            whole
        }));
    }

    /// An object is merged into a path.
    pub(crate) fn merge(&mut self, path: &OwnedValuePath, value: Option<Declared>) {
        self.weaken(&path.segments);
        let Some(value) = value else {
            self.forget(path);
            self.free.push(path.segments.clone());
            return;
        };
        let object = value.kind.as_object();
        if object.is_none_or(|object| object.unknown_kind().contains_any_defined()) {
            self.forget(path);
        }
        for (field, kind) in value
            .kind
            .as_object()
            .map(Collection::known)
            .into_iter()
            .flatten()
        {
            let mut whole = path.clone();
            whole.push_field(field.as_str());
            let there = place(&whole.segments);
            self.facts.forget(&there);
            // What may be absent leaves what was there.
            if !kind.contains_undefined() && there.len() == whole.segments.len() {
                let field = Step::Field(field.as_str().to_owned());
                self.facts.put(&there, value.facts.below(&[field]));
            }
            self.declared
                .set_at_path(&whole, kind.clone().upgrade_undefined());
        }
        self.free.extend(value.free.into_iter().map(|inner| {
            let mut whole = path.segments.clone();
            whole.extend(inner);
            whole
        }));
    }

    /// Notes what VRL will be wrong about when it types a write to this path.
    fn weaken(&mut self, path: &[OwnedSegment]) {
        for (at, segment) in path.iter().enumerate() {
            let parent = &path[..at];
            // A write below the parent leaves it the object that it was; one at or above it does not.
            let own = self
                .written
                .iter()
                .any(|written| parent.starts_with(written));
            let kind = self.declared.at_path(&OwnedValuePath {
                segments: parent.to_vec(),
            });
            let certain = match segment {
                OwnedSegment::Field(_) => kind.is_object(),
                OwnedSegment::Index(_) => kind.is_array(),
            };
            let free = self.free.iter().any(|free| parent.starts_with(free));
            if own && (free || !certain) {
                self.weak.output = true;
            } else if !certain {
                self.weak.input.push(parent.to_vec());
            }
        }
        self.written.push(path.to_vec());
    }

    /// Either this or the other happened.
    pub(crate) fn or(&mut self, other: Self) {
        self.declared = self.declared.union(other.declared);
        self.free.extend(other.free);
        self.written.extend(other.written);
        self.weak.input.extend(other.weak.input);
        self.weak.output |= other.weak.output;
        self.facts.keep(&other.facts);
    }
}

/// A path as far as it names fields.
fn place(path: &[OwnedSegment]) -> Vec<Step> {
    path.iter()
        .map_while(|segment| match segment {
            OwnedSegment::Field(name) => Some(Step::Field(name.to_string())),
            OwnedSegment::Index(_) => None,
        })
        .collect()
}
