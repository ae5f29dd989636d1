//! Findings with their places.

use std::collections::BTreeSet;

use crate::check::Issue;
use crate::object::Object;
use crate::parse;
use crate::{Diagnostic, Document, Help, Patch, Severity};

/// What was found so far.
#[derive(Default)]
pub(crate) struct Reports {
    diagnostics: Vec<Diagnostic>,
    /// Objects, by index, whose change does not take effect.
    withheld: BTreeSet<usize>,
}

impl Reports {
    /// Adds a finding about an object; what is wrong, or may be, withholds the object.
    pub(crate) fn add(&mut self, objects: &[Object], object: usize, issue: Issue) {
        if matches!(issue.severity, Severity::Error | Severity::Unverifiable) {
            self.withheld.insert(object);
        }
        let found = diagnostic(objects, &objects[object], issue);
        self.diagnostics.push(found);
    }

    /// Adds a finding of a walk over bare values; where YAML is to blame, it says so.
    pub(crate) fn add_refined(&mut self, objects: &[Object], object: usize, issue: Issue) {
        let tree = objects[object].source.tree();
        let better = tree.and_then(|tree| parse::explain(&tree, &issue));
        self.add(objects, object, better.unwrap_or(issue));
    }

    /// Adds a finding that belongs to no object.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Withholds an object without a word, because of what was said elsewhere.
    pub(crate) fn withhold(&mut self, object: usize) {
        self.withheld.insert(object);
    }

    /// How many findings there are.
    pub(crate) fn count(&self) -> usize {
        self.diagnostics.len()
    }

    /// Whether an object's change does not take effect.
    pub(crate) fn is_withheld(&self, object: usize) -> bool {
        self.withheld.contains(&object)
    }

    /// Everything, sorted.
    pub(crate) fn sorted(mut self, documents: &[Document]) -> Vec<Diagnostic> {
        sort(&mut self.diagnostics, documents);
        self.diagnostics.dedup();
        self.diagnostics
    }
}

/// Sorts by origin, place and code.
pub(crate) fn sort(diagnostics: &mut [Diagnostic], documents: &[Document]) {
    fn key<'a>(one: &'a Diagnostic, documents: &'a [Document]) -> impl Ord + 'a {
        let document = documents.get(one.primary.document);
        (
            document.map(|document| &*document.origin),
            one.primary.span.start,
            one.code,
            &one.primary.path,
            &one.headline,
        )
    }
    diagnostics.sort_by(|left, right| key(left, documents).cmp(&key(right, documents)));
}

/// An issue of an object, with its places looked up.
pub(crate) fn diagnostic(objects: &[Object], object: &Object, issue: Issue) -> Diagnostic {
    let primary = object.source.label(&issue.path, &issue.at, &issue.text);
    let labels = issue
        .related
        .iter()
        .filter_map(|related| {
            let other = objects.get(related.object)?;
            Some(
                other
                    .source
                    .label(&related.path, &related.at, &related.text),
            )
        })
        .collect();
    let patch = issue
        .replacement
        .filter(|_| !primary.span.is_empty())
        .map(|(at, text)| Patch {
            document: primary.document,
            span: at.map_or_else(
                || primary.span.clone(),
                |at| object.source.label(&issue.path, &at, "").span,
            ),
            text,
        });
    // A change is possible only where the place is written down.
    let patch = patch.filter(|_| {
        object
            .source
            .tree()
            .is_some_and(|tree| tree.find(&issue.path).complete)
    });
    let help = issue.help.map(|text| Help { text, patch });
    Diagnostic {
        code: issue.code,
        severity: issue.severity,
        headline: issue.headline,
        audience: object.tenant.clone(),
        object: Some(object.object_name()),
        primary,
        labels,
        help,
    }
}
