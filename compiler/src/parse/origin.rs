//! Where rendered manifests come from, by what Helm and kustomize leave in them.

use crate::path::Path;
use crate::yaml::{DocumentText, Value};

/// kustomize's `originAnnotations`.
const ANNOTATION: &str = "config.kubernetes.io/origin";

/// The origin that a document names, if it names one.
pub(super) fn of(text: &str, document: &DocumentText) -> Option<String> {
    helm(text, document).or_else(|| kustomize(document))
}

/// `# Source: <path>`, before the document's first field.
fn helm(text: &str, document: &DocumentText) -> Option<String> {
    let head = text.get(document.range.start..document.root.span.start)?;
    let path = head
        .lines()
        .find_map(|line| line.trim().strip_prefix("# Source:"))?
        .trim();
    (!path.is_empty()).then(|| path.to_owned())
}

/// YAML in an annotation, with a field `path`.
fn kustomize(document: &DocumentText) -> Option<String> {
    let path = Path::of("metadata.annotations").key(ANNOTATION);
    let found = document.root.find(&path);
    let Value::Scalar(scalar) = &found.node.value else {
        return None;
    };
    let path = scalar
        .text
        .lines()
        .find_map(|line| line.strip_prefix("path:"))?
        .trim();
    (found.complete && !path.is_empty()).then(|| path.to_owned())
}
