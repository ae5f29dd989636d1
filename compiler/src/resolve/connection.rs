//! Connectors, and what they have set already.

use serde_json::{Map, Value as Json};

use crate::builtin::{BUILTINS, Builtin, hides_builtin};
use crate::check::{self, Issue};
use crate::kinds::Kind;
use crate::object::Object;
use crate::path::{Path, Segment};
use crate::report::Reports;
use crate::shape::{self, Dialect};
use crate::signature::{Signatures, owned};

/// Longest chain of `from`.
const LONGEST: usize = 16;

/// One side of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Sink,
}

/// A connector as a flow uses it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The builtin at the bottom.
    pub(crate) builtin: &'static str,
    /// The schema of its parameters.
    pub(crate) schema: &'static Json,
    /// What connectors have set, the nearest first: the object and its parameters.
    pub(crate) set: Vec<(usize, Map<String, Json>)>,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }

    fn of(self, builtin: &Builtin) -> Option<&Json> {
        match self {
            Self::Source => builtin.source.as_deref(),
            Self::Sink => builtin.sink.as_deref(),
        }
    }
}

/// Finds the connector `name` for use in `namespace`. `Err(None)`: something is wrong with it that
/// was said at its own place.
pub(crate) fn connect(
    objects: &[Object],
    signatures: &Signatures,
    namespace: &str,
    name: &str,
    side: Side,
    path: &Path,
) -> Result<Connection, Option<Box<Issue>>> {
    let (set, bottom) =
        follow(objects, signatures, namespace, name, None).map_err(|broken| match broken {
            Broken::Unknown(at, unknown) if at.is_none() => Some(Box::new(
                check::unknown_connector::issue(path, &unknown, known(signatures, namespace)),
            )),
            _ => None,
        })?;
    let Some((builtin, sides)) = BUILTINS.get_key_value(bottom.as_str()) else {
        return Err(None);
    };
    let Some(schema) = side.of(sides) else {
        let fitting = BUILTINS
            .iter()
            .filter(|(_, builtin)| side.of(builtin).is_some())
            .map(|(name, _)| name.as_str());
        return Err(Some(Box::new(check::wrong_side::issue(
            path,
            name,
            side.name(),
            fitting,
        ))));
    };
    Ok(Connection {
        builtin,
        schema,
        set,
    })
}

/// Why a chain of connectors leads nowhere.
enum Broken {
    /// The connector at which it ends (`None`: the flow), and the name that is unknown.
    Unknown(Option<usize>, String),
    /// It goes round.
    Endless,
    /// One of them could not be read.
    Unreadable,
}

type Chain = (Vec<(usize, Map<String, Json>)>, String);

fn follow(
    objects: &[Object],
    signatures: &Signatures,
    namespace: &str,
    name: &str,
    from: Option<usize>,
) -> Result<Chain, Broken> {
    let mut set = Vec::new();
    let mut name = name.to_owned();
    let mut at = from;
    for _ in 0..LONGEST {
        let own = signatures
            .connectors
            .get(&(namespace.to_owned(), name.clone()));
        // A connector that hides a builtin may build on it.
        let own = own.filter(|index| at != Some(**index));
        let Some(index) = own else {
            if BUILTINS.contains_key(&name) {
                return Ok((set, name));
            }
            return Err(Broken::Unknown(at, name));
        };
        let Some(spec) = objects[*index].connector() else {
            return Err(Broken::Unreadable);
        };
        let with = spec
            .with
            .as_ref()
            .map(|with| with.0.clone())
            .unwrap_or_default();
        set.push((*index, with.into_iter().collect()));
        let Some(next) = &spec.from else {
            return Err(Broken::Unreadable);
        };
        name.clone_from(next);
        at = Some(*index);
    }
    Err(Broken::Endless)
}

fn known<'a>(signatures: &'a Signatures, namespace: &'a str) -> impl Iterator<Item = &'a str> {
    let own = signatures
        .connectors
        .keys()
        .filter(move |(place, _)| place == namespace)
        .map(|(_, name)| name.as_str());
    own.chain(BUILTINS.keys().map(String::as_str))
}

impl Connection {
    /// The parameters of a flow with those of the connectors below it, checked. `path` is that of the
    /// flow's `with`.
    pub(crate) fn parameters(
        &self,
        objects: &[Object],
        with: Map<String, Json>,
        path: &Path,
    ) -> (Json, shape::Walked) {
        let mut issues = Vec::new();
        let mut merged = Json::Object(with);
        for (object, set) in &self.set {
            let there = Path::of("spec.with");
            for (name, value) in set {
                merge(
                    &mut merged,
                    name,
                    value,
                    &mut |below| {
                        let at = below.iter().fold(path.clone(), |path, key| path.key(key));
                        let other = below.iter().fold(there.clone(), |path, key| path.key(key));
                        let connector = &objects[*object].name;
                        issues.push(check::fixed_parameter::issue(
                            &at,
                            connector,
                            *object,
                            &other.to_string(),
                        ));
                    },
                    &mut Vec::new(),
                );
            }
        }
        let mut walked = shape::walk(&merged, self.schema, path, Dialect::Parameters);
        // What a connector has set is judged at the connector.
        let depth = path.segments().len();
        walked.issues.retain(|issue| {
            !self.has_set(&issue.path.segments()[depth.min(issue.path.segments().len())..])
        });
        walked
            .literals
            .retain(|(path, _)| !self.has_set(&path.segments()[depth..]));
        walked.issues.extend(issues);
        (merged, walked)
    }

    /// Whether a connector has set the parameter at a path.
    pub(crate) fn has_set(&self, path: &[Segment]) -> bool {
        self.set.iter().any(|(_, set)| {
            let Some((Segment::Key(first), rest)) = path.split_first() else {
                return false;
            };
            let mut value = set.get(first);
            for segment in rest {
                value = match (value, segment) {
                    (Some(Json::Object(fields)), Segment::Key(key)) => fields.get(key),
                    (Some(Json::Array(items)), Segment::Index(index)) => items.get(*index),
                    _ => None,
                };
            }
            value.is_some()
        })
    }
}

/// Adds what a connector has set; objects grow together, everything else is a conflict.
fn merge(
    into: &mut Json,
    name: &str,
    value: &Json,
    conflict: &mut dyn FnMut(&[String]),
    path: &mut Vec<String>,
) {
    let Some(fields) = into.as_object_mut() else {
        return;
    };
    path.push(name.to_owned());
    match (fields.get_mut(name), value) {
        (None, value) => {
            fields.insert(name.to_owned(), value.clone());
        }
        (Some(existing), Json::Object(inner))
            if existing.is_object() && !is_special(existing) && !is_special(value) =>
        {
            for (name, value) in inner {
                merge(existing, name, value, conflict, path);
            }
        }
        (Some(existing), value) => {
            *existing = value.clone();
            conflict(path);
        }
    }
    path.pop();
}

fn is_special(value: &Json) -> bool {
    value.get("secretRef").is_some() || value.get("expr").is_some()
}

/// Checks tenants' connectors by themselves.
pub(crate) fn own(objects: &[Object], signatures: &Signatures, reports: &mut Reports) {
    for (index, object, _) in owned(objects, Kind::Connector) {
        let Some(spec) = object.connector() else {
            continue;
        };
        for (field, set) in [
            ("builtin", spec.builtin.is_some()),
            ("source", spec.source.is_some()),
            ("sink", spec.sink.is_some()),
        ] {
            if set {
                reports.add(objects, index, check::builtin_by_tenant::issue(field));
            }
        }
        if hides_builtin(&object.name) {
            reports.add(objects, index, check::shadowed_builtin::issue(&object.name));
        }
        let Some(from) = &spec.from else {
            continue;
        };
        let path = Path::of("spec.from");
        let with = spec
            .with
            .as_ref()
            .map(|with| with.0.clone().into_iter().collect())
            .unwrap_or_default();
        match follow(objects, signatures, &object.namespace, from, Some(index)) {
            Ok((set, bottom)) => parameters(objects, index, &bottom, set, with, reports),
            Err(Broken::Unknown(at, name)) if at == Some(index) => {
                let issue = check::unknown_connector::issue(
                    &path,
                    &name,
                    known(signatures, &object.namespace),
                );
                reports.add(objects, index, issue);
            }
            Err(Broken::Endless) => {
                reports.add(objects, index, check::unknown_connector::endless(&path));
            }
            Err(_) => reports.withhold(index),
        }
    }
}

/// Checks what one connector sets: each parameter must fit one of the sides.
fn parameters(
    objects: &[Object],
    index: usize,
    bottom: &str,
    set: Vec<(usize, Map<String, Json>)>,
    with: Map<String, Json>,
    reports: &mut Reports,
) {
    let Some((builtin, sides)) = BUILTINS.get_key_value(bottom) else {
        return;
    };
    let path = Path::of("spec.with");
    let mut best: Option<shape::Walked> = None;
    for schema in [&sides.source, &sides.sink].into_iter().flatten() {
        let walked = shape::walk(
            &Json::Object(with.clone()),
            schema,
            &path,
            Dialect::SomeParameters,
        );
        if best
            .as_ref()
            .is_none_or(|best| walked.issues.len() < best.issues.len())
        {
            best = Some(walked);
        }
    }
    let walked = best.unwrap_or_default();
    for issue in walked.issues {
        reports.add_refined(objects, index, issue);
    }
    for (path, text) in &walked.literals {
        if let Some(issue) = check::likely_secret::check(path, text) {
            reports.add(objects, index, issue);
        }
    }
    let below = Connection {
        builtin,
        schema: &Json::Null,
        set,
    };
    let (_, conflicts) = below.parameters(objects, with, &path);
    for issue in conflicts.issues {
        reports.add(objects, index, issue);
    }
}
