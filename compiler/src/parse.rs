//! Texts become objects.

mod object;
mod origin;

pub(crate) use object::explain;

use std::collections::HashMap;
use std::sync::Arc;

use crate::check::{self, Issue};
use crate::kinds::Kind;
use crate::object::{Object, Source};
use crate::path::Path;
use crate::yaml::{self, Broken, Node, Value};
use crate::{Code, Diagnostic, Document, Help, Label, Severity};

/// What all documents say.
pub(crate) struct Parsed {
    /// Objects in the order of their origins and places, each with what is wrong with it.
    pub(crate) objects: Vec<(Object, Vec<Issue>)>,
    /// What is wrong with texts.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What documents said when they were last read, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<Arc<Read>>);

/// What one document said, wherever in a World it stands: what is said of it has the document's index
/// only in [`parse`].
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) origin: Arc<str>,
    text: Arc<str>,
    /// The earlier text, if anything was taken from it.
    before: Option<Arc<str>>,
    is_whole: bool,
    held: bool,
    pub(crate) objects: Vec<(Object, Vec<Issue>)>,
    diagnostics: Vec<Diagnostic>,
}

impl Memory {
    /// What each document says, in their order. Those that say what they said are not read again, and
    /// those that are gone are forgotten.
    pub(crate) fn follow(&mut self, documents: &[Document]) -> &[Arc<Read>] {
        let last = std::mem::take(&mut self.0);
        let mut places = None;
        let mut next = 0;
        for document in documents {
            let is_known =
                |place: &usize| last.get(*place).is_some_and(|read| read.is_of(document));
            // Most often they come in the order of the last time, with one more or one less.
            let place = (next..next + 2).find(is_known).or_else(|| {
                let places = places.get_or_insert_with(|| by_origin(&last));
                places.get(&*document.origin).copied()
            });
            next = place.map_or(next, |place| place + 1);
            let known = place.map(|place| &last[place]);
            let known = known.filter(|read| read.says(document)).map(Arc::clone);
            self.0
                .push(known.unwrap_or_else(|| Arc::new(read(document))));
        }
        &self.0
    }
}

fn by_origin(reads: &[Arc<Read>]) -> HashMap<&str, usize> {
    let places = reads.iter().enumerate();
    places.map(|(place, read)| (&*read.origin, place)).collect()
}

/// All that documents say, in the order of their origins.
pub(crate) fn parse(documents: &[Document], reads: &[Arc<Read>]) -> Parsed {
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by(|left, right| {
        let key = |index: &usize| (&documents[*index].origin, &documents[*index].text);
        key(left).cmp(&key(right))
    });
    let mut parsed = Parsed {
        objects: Vec::new(),
        diagnostics: Vec::new(),
    };
    for index in order {
        for (object, issues) in &reads[index].objects {
            let mut object = object.clone();
            object.source.document = index;
            parsed.objects.push((object, issues.clone()));
        }
        for diagnostic in &reads[index].diagnostics {
            let mut diagnostic = diagnostic.clone();
            diagnostic.moved(|_| index);
            parsed.diagnostics.push(diagnostic);
        }
    }
    parsed
}

fn same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

impl Read {
    fn is_of(&self, document: &Document) -> bool {
        same(&self.origin, &document.origin)
    }

    /// Whether the document still says this.
    fn says(&self, document: &Document) -> bool {
        same(&self.text, &document.text)
            && (self.is_whole || self.before == document.before)
            && self.held == document.held
    }
}

/// Reads one document. Objects that cannot be read come from its earlier text.
fn read(document: &Document) -> Read {
    let file = File {
        origin: Arc::clone(&document.origin),
        text: Arc::clone(&document.text),
    };
    let (mut objects, diagnostics) = file.parse();
    let is_whole = diagnostics.is_empty() && objects.iter().all(is_read);
    if !is_whole {
        restore(&mut objects, document);
    }
    for (object, _) in &mut objects {
        object.held = document.held;
    }
    Read {
        origin: Arc::clone(&document.origin),
        text: Arc::clone(&document.text),
        before: document.before.clone().filter(|_| !is_whole),
        is_whole,
        held: document.held,
        objects,
        diagnostics,
    }
}

/// Whether an object was read as it is. Of a broken Tenant, what can be read stands in for the rest
/// only where nothing earlier is known.
fn is_read((object, issues): &(Object, Vec<Issue>)) -> bool {
    object.spec.is_some() && (object.kind != Kind::Tenant || issues.is_empty())
}

/// Takes what cannot be read in a document from its earlier text.
fn restore(objects: &mut Vec<(Object, Vec<Issue>)>, document: &Document) {
    let Some(before) = &document.before else {
        return;
    };
    let file = File {
        origin: Arc::clone(&document.origin),
        text: Arc::clone(before),
    };
    for (mut earlier, _) in file.parse().0 {
        let restored = Some(Box::new(earlier.source.clone()));
        // Labels lead into the text that people see.
        earlier.source.text = Arc::clone(&document.text);
        earlier.source.range = 0..0;
        let same = objects.iter_mut().find(|(object, _)| {
            object.kind == earlier.kind
                && object.namespace == earlier.namespace
                && object.name == earlier.name
        });
        match same {
            Some(found) if !is_read(found) && !found.0.stopped && earlier.spec.is_some() => {
                found.0.spec = earlier.spec;
                found.0.restored = restored;
            }
            Some(_) => {}
            None => {
                earlier.restored = restored;
                objects.push((earlier, Vec::new()));
            }
        }
    }
}

/// One document of the World.
struct File {
    origin: Arc<str>,
    text: Arc<str>,
}

impl File {
    fn parse(&self) -> (Vec<(Object, Vec<Issue>)>, Vec<Diagnostic>) {
        let read = yaml::read(&self.text);
        let mut objects = Vec::new();
        let mut diagnostics: Vec<Diagnostic> = read
            .broken
            .iter()
            .map(|broken| self.broken(broken))
            .collect();
        for document in &read.documents {
            let source = Source {
                document: 0,
                origin: origin::of(&self.text, document)
                    .map_or_else(|| Arc::clone(&self.origin), Into::into),
                text: Arc::clone(&self.text),
                range: document.range.clone(),
                item: None,
            };
            let mut add = |found: object::Found| match found {
                object::Found::Object(object, issues) => objects.push((*object, issues)),
                object::Found::Wrong(diagnostic) => diagnostics.push(*diagnostic),
                object::Found::Other => {}
            };
            match items(&document.root) {
                Some(items) => {
                    for (place, item) in items.iter().enumerate() {
                        let source = Source {
                            item: Some(place),
                            ..source.clone()
                        };
                        add(object::read(item, source));
                    }
                }
                None => add(object::read(&document.root, source)),
            }
        }
        objects.shrink_to_fit();
        (objects, diagnostics)
    }

    fn broken(&self, broken: &Broken) -> Diagnostic {
        match broken {
            Broken::Syntax { at, message } => {
                let start = self.text[..at.start].rfind('\n').map_or(0, |end| end + 1);
                let line = self.text[start..].lines().next().unwrap_or_default();
                let mut found = self.wrong(
                    check::syntax::CODE,
                    at,
                    format!("not YAML: {message}"),
                    "here",
                );
                found.help = check::syntax::help(line).map(|text| Help {
                    text: text.to_owned(),
                    patch: None,
                });
                found
            }
            Broken::DuplicateKey { key, first, second } => {
                let headline = format!("the field `{key}` stands twice");
                let mut found = self.wrong(
                    check::duplicate_key::CODE,
                    second,
                    headline,
                    "for the second time",
                );
                found.labels.push(self.label(first, "for the first time"));
                found
            }
            Broken::Aliases { at } => self.wrong(
                check::too_many_aliases::CODE,
                at,
                "aliases make this document too large".to_owned(),
                "more than 10,000 values come from aliases",
            ),
        }
    }

    fn wrong(
        &self,
        code: Code,
        at: &std::ops::Range<usize>,
        headline: String,
        text: &str,
    ) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            headline,
            audience: None,
            object: None,
            primary: self.label(at, text),
            labels: Vec::new(),
            help: None,
        }
    }

    fn label(&self, at: &std::ops::Range<usize>, text: &str) -> Label {
        Label {
            document: 0,
            origin: self.origin.to_string(),
            path: String::new(),
            span: at.clone(),
            text: text.to_owned(),
        }
    }
}

/// The items of a `kind: List`.
fn items(root: &Node) -> Option<&[Node]> {
    if root.text_of("kind") != Some("List") || root.text_of("apiVersion") != Some("v1") {
        return None;
    }
    match &root.find(&Path::of("items")).node.value {
        Value::Sequence(items) => Some(items),
        _ => None,
    }
}
