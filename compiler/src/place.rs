//! From an object and a field path to bytes of a document.

use std::ops::Range;
use std::sync::Arc;

use crate::Document;
use crate::check::At;
use crate::parse::{Memory, Parsed, parse};
use crate::path::Path;

/// Where a field path of an object stands in a document; the nearest field above it if it is not
/// written down. `None`: the object is not in the document. `path` is as in diagnostics and programs,
/// such as `spec.sinks.erp`.
pub fn locate(
    document: &Document,
    kind: &str,
    namespace: &str,
    name: &str,
    path: &str,
) -> Option<Range<usize>> {
    let documents = [Document::new(
        document.origin.clone(),
        Arc::clone(&document.text),
    )];
    let Parsed { objects, .. } = parse(&documents, Memory::default().follow(&documents));
    let (object, _) = objects.iter().find(|(object, _)| {
        object.kind.name() == kind && object.namespace == namespace && object.name == name
    })?;
    Some(object.source.label(&Path::parse(path), &At::Key, "").span)
}
