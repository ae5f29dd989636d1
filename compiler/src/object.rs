//! Objects: what one YAML document says, with a way back to its text.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use vrsky_crds::{ConnectorSpec, FlowSpec, GrantSpec, TenantSpec, TopicSpec};
use vrsky_plan::TenantName;

use crate::check::{At, Issue};
use crate::contract::Contract;
use crate::kinds::Kind;
use crate::path::Path;
use crate::yaml::{self, Node, Value};
use crate::{Label, ObjectName};

/// An object of one of the kinds.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    /// Empty for a Tenant.
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Of a Tenant: it tells one from a former one of the same name.
    pub(crate) uid: Option<String>,
    pub(crate) generation: i64,
    /// Whose it is; for a Tenant itself. `None` while unknown.
    pub(crate) tenant: Option<TenantName>,
    /// A flow that says `suspend: true` or a grant that says `revoked: true`: it counts even where
    /// the rest cannot be read.
    pub(crate) stopped: bool,
    /// A flow of which nothing changes.
    pub(crate) held: bool,
    /// `None`: it could not be read.
    pub(crate) spec: Option<Arc<Spec>>,
    /// Where `spec` was read, if not in `source`: an earlier text.
    pub(crate) restored: Option<Box<Source>>,
}

/// What an object says, with what can be made of it alone. Shared, since an object that did not
/// change is not read again. Most are flows, which need little room.
#[derive(Debug)]
pub(crate) enum Spec {
    Tenant(Box<TenantSpec>),
    Topic(Box<TopicSpec>, Result<Arc<Contract>, Vec<Issue>>),
    Connector(Box<ConnectorSpec>),
    Grant(Box<GrantSpec>),
    Flow(Flow),
}

/// What others may see of a flow, and its body.
#[derive(Debug)]
pub(crate) struct Flow {
    /// The topic that it reads.
    pub(crate) reads: Option<String>,
    /// Sinks with the topics to which they write; of a flow that reads one.
    pub(crate) writes: Vec<(String, String)>,
    /// Until somebody has taken it: a body is typed once, and it is the most that is known of a flow.
    body: Mutex<Option<Box<FlowSpec>>>,
}

/// Where an object stands. The tree is not kept: it is made again when a place is to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The document's index in the World.
    pub(crate) document: usize,
    /// The origin to show.
    pub(crate) origin: Arc<str>,
    pub(crate) text: Arc<str>,
    /// The YAML document's bytes.
    pub(crate) range: Range<usize>,
    /// The item of a `kind: List`, if it is one.
    pub(crate) item: Option<usize>,
}

impl Object {
    pub(crate) fn object_name(&self) -> ObjectName {
        ObjectName {
            kind: self.kind.name().to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// `namespace/name`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(crate) fn flow(&self) -> Option<&Flow> {
        match self.spec.as_deref() {
            Some(Spec::Flow(flow)) => Some(flow),
            _ => None,
        }
    }

    /// All that a flow says; read again where somebody has taken it before.
    pub(crate) fn body(&self) -> Option<Box<FlowSpec>> {
        let mut body = self.flow()?.body.lock().ok();
        body.as_mut().and_then(|body| body.take()).or_else(|| {
            let source = self.restored.as_deref().unwrap_or(&self.source);
            let (mut json, _) = yaml::to_json(&source.tree()?);
            serde_json::from_value(json.get_mut("spec")?.take()).ok()
        })
    }

    pub(crate) fn connector(&self) -> Option<&ConnectorSpec> {
        match self.spec.as_deref() {
            Some(Spec::Connector(connector)) => Some(connector),
            _ => None,
        }
    }
}

impl From<Box<FlowSpec>> for Flow {
    fn from(body: Box<FlowSpec>) -> Self {
        let reads = body.source.topic.clone();
        let sinks = body.sinks.iter().filter(|_| reads.is_some());
        let writes = sinks.filter_map(|(name, sink)| Some((name.clone(), sink.topic.clone()?)));
        Self {
            writes: writes.collect(),
            reads,
            body: Mutex::new(Some(body)),
        }
    }
}

impl Source {
    /// The tree of this object alone.
    pub(crate) fn tree(&self) -> Option<Node> {
        let slice = self.text.get(self.range.clone())?;
        let mut root = yaml::read(slice).documents.into_iter().next()?.root;
        if let Some(item) = self.item {
            let Value::Mapping(entries) = root.value else {
                return None;
            };
            let items = entries
                .into_iter()
                .find(|entry| entry.key == "items")?
                .value;
            let Value::Sequence(items) = items.value else {
                return None;
            };
            root = items.into_iter().nth(item)?;
        }
        Some(root)
    }

    /// A label at a place of the object; of its nearest parent where the place is not written down.
    pub(crate) fn label(&self, path: &Path, at: &At, text: &str) -> Label {
        let span = self.tree().map_or(0..0, |tree| self.span(&tree, path, at));
        Label {
            document: self.document,
            origin: self.origin.to_string(),
            path: path.to_string(),
            span: span.start + self.range.start..span.end + self.range.start,
            text: text.to_owned(),
        }
    }

    /// Bytes of a place in the slice of this object.
    fn span(&self, tree: &Node, path: &Path, at: &At) -> Range<usize> {
        let slice = &self.text[self.range.clone()];
        let found = tree.find(path);
        let value = || first_line(slice, &found.node.span);
        match (at, &found.node.value) {
            _ if !found.complete => found.key.clone().unwrap_or_else(|| top(tree, slice)),
            (At::Key, _) => found.key.clone().unwrap_or_else(value),
            (At::Inside(range), Value::Scalar(scalar)) => {
                yaml::locate(slice, &found.node.span, scalar, range)
            }
            (_, Value::Scalar(_)) if found.node.span.is_empty() => {
                found.key.clone().unwrap_or_else(value)
            }
            _ => value(),
        }
    }
}

/// The first thing in an object that names it.
fn top(tree: &Node, slice: &str) -> Range<usize> {
    match &tree.value {
        Value::Mapping(entries) => entries
            .iter()
            .find(|entry| entry.key == "kind")
            .or(entries.first())
            .map_or(tree.span.clone(), |entry| entry.value.span.clone()),
        _ => first_line(slice, &tree.span),
    }
}

/// A long value is shown by its first line.
fn first_line(slice: &str, span: &Range<usize>) -> Range<usize> {
    let text = slice.get(span.clone()).unwrap_or_default();
    let end = text.find('\n').unwrap_or(text.len());
    span.start..span.start + text[..end].trim_end().len()
}
