//! One tree becomes one object.

use std::sync::Arc;

use serde_json::Value as Json;
use vrsky_crds::{FlowSpec, TopicSpec};

use crate::Diagnostic;
use crate::check::{self, At, Issue};
use crate::contract;
use crate::kinds::{self, Kind};
use crate::object::{Object, Source, Spec};
use crate::path::{Path, Segment};
use crate::report;
use crate::shape::{self, Dialect};
use crate::yaml::{self, Node, Value};

/// What a tree is.
pub(super) enum Found {
    /// One of our kinds.
    Object(Box<Object>, Vec<Issue>),
    /// Of our group, and nothing that we know.
    Wrong(Box<Diagnostic>),
    /// Somebody else's.
    Other,
}

/// Fields of every object beside `spec`. `status` is a cache and never read.
const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Reads an object.
pub(super) fn read(tree: &Node, source: Source) -> Found {
    let version = tree.text_of("apiVersion").unwrap_or_default();
    let written = tree.text_of("kind").unwrap_or_default();
    let kind = Kind::of(written);
    let ours = version.split('/').next() == Some("vrsky.io");
    let wrong = if version.is_empty() && kind.is_some() {
        Some(check::unknown_kind::no_version(written))
    } else if !ours {
        return Found::Other;
    } else if version != vrsky_crds::API_VERSION {
        Some(check::unknown_kind::version(version))
    } else if kind.is_none() {
        Some(check::unknown_kind::kind(written, &kinds::NAMES))
    } else {
        None
    };
    let mut object = Object {
        kind: kind.unwrap_or(Kind::Flow),
        namespace: metadata(tree, "namespace"),
        name: metadata(tree, "name"),
        uid: (kind == Some(Kind::Tenant))
            .then(|| metadata(tree, "uid"))
            .filter(|uid| !uid.is_empty()),
        generation: metadata(tree, "generation").parse().unwrap_or(0),
        tenant: None,
        stopped: false,
        held: false,
        spec: None,
        restored: None,
        source,
    };
    if object.kind == Kind::Tenant {
        object.namespace.clear();
    }
    if let Some(issue) = wrong {
        let mut diagnostic = report::diagnostic(&[], &object, issue);
        diagnostic.object = None;
        return Found::Wrong(Box::new(diagnostic));
    }
    let issues = fill(tree, &mut object);
    Found::Object(Box::new(object), issues)
}

fn metadata(tree: &Node, field: &str) -> String {
    tree.field("metadata")
        .and_then(|metadata| metadata.text_of(field))
        .unwrap_or_default()
        .to_owned()
}

/// Reads `spec`, and says what is wrong with the object.
fn fill(tree: &Node, object: &mut Object) -> Vec<Issue> {
    let mut issues = Vec::new();
    names(object, &mut issues);
    let (mut json, tags) = yaml::to_json(tree);
    for tag in &tags {
        issues.push(if check::eaten_expression::is_expression(&tag.path) {
            check::eaten_expression::tag(&tag.path)
        } else {
            Issue::new(
                check::syntax::CODE,
                &tag.path,
                "tags mean nothing in manifests",
                "has a tag",
            )
            .help("put text that starts with `!` into quotes")
        });
    }
    for name in json.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !TOP.contains(&name.as_str()) {
            let path = Path::default().key(name);
            issues.push(check::unknown_field::issue(
                Dialect::Kind,
                &path,
                name,
                TOP.into_iter(),
            ));
        }
    }
    let root = Path::of("spec");
    match json.get("spec") {
        None => issues.push(check::missing_field::issue(
            Dialect::Kind,
            &Path::default(),
            "spec",
        )),
        Some(spec) => {
            issues.extend(shape::walk(spec, object.kind.schema(), &root, Dialect::Kind).issues);
            if let Some(tree) = tree.field("spec") {
                ambiguous(tree, &root, &mut issues);
            }
        }
    }
    let stop = if object.kind == Kind::Grant {
        "revoked"
    } else {
        "suspend"
    };
    object.stopped = json.get("spec").and_then(|spec| spec.get(stop)) == Some(&Json::Bool(true));
    let tagged: Vec<Path> = tags.iter().map(|tag| tag.path.clone()).collect();
    let mut issues = refine(tree, issues, &tagged);
    let spec = json.get_mut("spec").map(Json::take).unwrap_or_default();
    if issues.is_empty() {
        let typed = typed(object.kind, spec);
        if let Some(Spec::Tenant(tenant)) = &typed {
            let compute = tenant.compute.iter();
            issues.extend(compute.flat_map(check::compute::contradictions));
        }
        object.spec = typed.map(Arc::new);
    } else {
        object.spec = lenient(object.kind, &spec).map(Arc::new);
    }
    issues
}

fn names(object: &Object, issues: &mut Vec<Issue>) {
    let name = Path::of("metadata.name");
    if object.name.is_empty() {
        issues.push(check::missing_field::issue(
            Dialect::Kind,
            &Path::of("metadata"),
            "name",
        ));
    } else if vrsky_plan::TenantName::new(object.name.clone()).is_err() {
        issues.push(check::invalid_name::issue(
            &name,
            At::Value,
            &object.name,
            40,
        ));
    }
}

fn typed(kind: Kind, spec: Json) -> Option<Spec> {
    match kind {
        Kind::Tenant => serde_json::from_value(spec).ok().map(Spec::Tenant),
        Kind::Topic => {
            let topic: Box<TopicSpec> = serde_json::from_value(spec).ok()?;
            let contract = contract::compile(&topic.contract, &Path::of("spec.contract"));
            Some(Spec::Topic(topic, contract.map(Arc::new)))
        }
        Kind::Connector => serde_json::from_value(spec).ok().map(Spec::Connector),
        Kind::Grant => serde_json::from_value(spec).ok().map(Spec::Grant),
        Kind::Flow => {
            let body: Box<FlowSpec> = serde_json::from_value(spec).ok()?;
            Some(Spec::Flow(body.into()))
        }
    }
}

/// What can be read of a broken object and must not be lost with it: a tenant's namespaces.
fn lenient(kind: Kind, spec: &Json) -> Option<Spec> {
    if kind != Kind::Tenant {
        return None;
    }
    let field = |name: &str| spec.get(name).cloned().unwrap_or_default();
    Some(Spec::Tenant(Box::new(vrsky_crds::TenantSpec {
        namespaces: field("namespaces")
            .as_array()?
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect(),
        tier: serde_json::from_value(field("tier")).unwrap_or_default(),
        quotas: serde_json::from_value(field("quotas")).ok().flatten(),
        payload: serde_json::from_value(field("payload")).ok().flatten(),
        retention: serde_json::from_value(field("retention")).ok().flatten(),
        compute: serde_json::from_value(field("compute")).ok().flatten(),
    })))
}

/// Plain scalars that other readers take for something else, in values and in names of fields.
fn ambiguous(node: &Node, path: &Path, issues: &mut Vec<Issue>) {
    match &node.value {
        Value::Scalar(scalar) => {
            if let Some(becomes) = yaml::hardens_on_the_way(scalar) {
                issues.push(check::ambiguous_scalar::hardened(
                    path,
                    At::Value,
                    &scalar.text,
                    becomes,
                ));
            }
        }
        Value::Sequence(items) => {
            for (place, item) in items.iter().enumerate() {
                ambiguous(item, &path.index(place), issues);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                let below = path.key(&entry.key);
                let key = yaml::Scalar {
                    text: entry.key.clone(),
                    style: granit_parser::ScalarStyle::Plain,
                    string: !entry.key_plain,
                };
                if let Some(becomes) = yaml::hardens_on_the_way(&key) {
                    issues.push(check::ambiguous_scalar::hardened(
                        &below,
                        At::Key,
                        &entry.key,
                        becomes,
                    ));
                }
                ambiguous(&entry.value, &below, issues);
            }
        }
    }
}

/// Says more of what a walk over bare values found, now that the text is at hand.
fn refine(tree: &Node, issues: Vec<Issue>, tagged: &[Path]) -> Vec<Issue> {
    let mut refined: Vec<Issue> = Vec::new();
    for issue in issues {
        let wrong_type = issue.code == check::wrong_type::CODE;
        // A tag at a value explains everything else at it.
        if issue.code != check::eaten_expression::CODE
            && issue.code != check::syntax::CODE
            && tagged.contains(&issue.path)
        {
            continue;
        }
        // So it does a field that seems to be missing because of it.
        let above = |path: &Path| path.segments().starts_with(issue.path.segments());
        if issue.code == check::exactly_one::CODE && tagged.iter().any(above) {
            continue;
        }
        let better = if wrong_type {
            explain(tree, &issue)
        } else {
            None
        };
        refined.push(better.unwrap_or(issue));
    }
    let sharp: Vec<Path> = refined
        .iter()
        .filter(|issue| issue.code == check::ambiguous_scalar::CODE)
        .map(|issue| issue.path.clone())
        .collect();
    let mut seen = Vec::new();
    refined.retain(|issue| {
        let ambiguous = issue.code == check::ambiguous_scalar::CODE;
        let first = !seen.contains(&issue.path);
        if ambiguous {
            seen.push(issue.path.clone());
        }
        if ambiguous {
            first
        } else {
            !sharp.contains(&issue.path) || issue.at == At::Key
        }
    });
    refined
}

/// Why a value has the wrong type, where YAML is to blame.
pub(crate) fn explain(tree: &Node, issue: &Issue) -> Option<Issue> {
    if !issue.text.ends_with("text") {
        return None;
    }
    let found = tree.find(&issue.path);
    if !found.complete {
        return None;
    }
    match &found.node.value {
        Value::Scalar(scalar) if !scalar.text.is_empty() && !scalar.string => {
            let is = match yaml::to_json(found.node).0 {
                Json::Null => "nothing",
                Json::Bool(_) => "a boolean",
                Json::Number(_) => "a number",
                _ => return None,
            };
            Some(check::ambiguous_scalar::not_text(
                &issue.path,
                &scalar.text,
                is,
            ))
        }
        Value::Sequence(_) | Value::Mapping(_)
            if check::eaten_expression::is_expression(&issue.path) =>
        {
            let last = issue.path.segments().last();
            matches!(last, Some(Segment::Key(_)))
                .then(|| check::eaten_expression::collection(&issue.path))
        }
        _ => None,
    }
}
