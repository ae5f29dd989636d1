//! Drawn with the source, as rustc does.

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet,
};
use vrsky_compiler::{Diagnostic, Document, Label, Severity};

use crate::files::Unreadable;
use crate::output::{BAD, BOLD};
use crate::project::Project;
use crate::safe;

use super::within;

/// Lines around what is marked that are drawn with it.
const AROUND: usize = 2;

/// The part of a document that a finding shows, safe to print.
struct Window {
    source: safe::Source,
    /// Where it begins in the document, in bytes.
    start: usize,
    /// The number of its first line, from 1.
    line: usize,
}

/// All findings, one after the other. Empty if there are none.
pub(crate) fn human(
    diagnostics: &[Diagnostic],
    unreadable: &[Unreadable],
    documents: &[Document],
    renderer: &Renderer,
) -> String {
    let mut blocks: Vec<String> = unreadable
        .iter()
        .map(|file| {
            format!(
                "{BAD}error{BAD:#}{BOLD}: {}: {}{BOLD:#}",
                file.name, file.reason
            )
        })
        .collect();
    blocks.extend(
        diagnostics
            .iter()
            .map(|diagnostic| renderer.render(&report(diagnostic, documents))),
    );
    blocks.join("\n\n")
}

/// One line: how many files, what was found, what to do next.
pub(crate) fn summary(project: &Project) -> String {
    let count = |severity| {
        project
            .compiled
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let found: Vec<String> = [
        (
            count(Severity::Error) + project.unreadable.len(),
            "error",
            "errors",
        ),
        (
            count(Severity::Unverifiable),
            "unverifiable",
            "unverifiable",
        ),
        (count(Severity::Unproven), "unproven", "unproven"),
        (count(Severity::Warning), "warning", "warnings"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }))
    .collect();
    let files = match project.documents.len() + project.unreadable.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    let flows: usize = project
        .compiled
        .plan
        .tenants
        .values()
        .map(|tenant| tenant.programs.len())
        .sum();
    let tenants = project.compiled.plan.tenants.len();
    if found.is_empty() {
        let plural =
            |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        return format!(
            "{files}: {} of {} proved",
            plural(flows, "flow"),
            plural(tenants, "tenant")
        );
    }
    let next = project
        .compiled
        .diagnostics
        .first()
        .map(|first| format!("; next: vrsky explain {}", first.code))
        .unwrap_or_default();
    format!("{files}: {}{next}", found.join(", "))
}

fn report<'a>(diagnostic: &Diagnostic, documents: &[Document]) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Unverifiable => Level::WARNING.with_name("unverifiable"),
        Severity::Unproven => Level::WARNING.with_name("unproven"),
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(safe::line(&diagnostic.headline))
        .id(diagnostic.code.to_string());
    let mut group = Group::with_title(title);
    let labels: Vec<(AnnotationKind, &Label)> =
        std::iter::once((AnnotationKind::Primary, &diagnostic.primary))
            .chain(
                diagnostic
                    .labels
                    .iter()
                    .map(|label| (AnnotationKind::Context, label)),
            )
            .collect();
    let mut shown = Vec::new();
    for (_, first) in &labels {
        if shown.contains(&first.document) {
            continue;
        }
        shown.push(first.document);
        let here = labels
            .iter()
            .filter(|(_, label)| label.document == first.document);
        let origin = safe::line(&first.origin);
        let Some(document) = documents.get(first.document) else {
            group = group.element(Origin::path(origin));
            continue;
        };
        let window = Window::around(&document.text, here.clone().map(|(_, label)| &label.span));
        let annotations = here.map(|(kind, label)| window.annotation(*kind, label));
        let snippet = Snippet::source(window.source.text().to_owned())
            .line_start(window.line)
            .path(origin)
            .annotations(annotations);
        group = group.element(snippet);
    }
    let Some(help) = &diagnostic.help else {
        return vec![group];
    };
    let text = safe::line(&help.text);
    let drawn = help
        .patch
        .as_ref()
        .and_then(|patch| Some((patch, documents.get(patch.document)?)));
    let Some((patch, document)) = drawn else {
        return vec![group.element(Level::HELP.message(text))];
    };
    let window = Window::around(&document.text, std::iter::once(&patch.span));
    let snippet = Snippet::source(window.source.text().to_owned())
        .line_start(window.line)
        .path(safe::line(&document.origin))
        .patch(Patch::new(
            window.range(&patch.span),
            safe::lines(&patch.text),
        ));
    vec![group, Level::HELP.secondary_title(text).element(snippet)]
}

impl Window {
    /// The lines of `spans`, and some around them.
    fn around<'s>(
        text: &str,
        spans: impl Iterator<Item = &'s std::ops::Range<usize>> + Clone,
    ) -> Self {
        let spans = spans.map(|span| within(text, span));
        let first = spans.clone().map(|span| span.start).min().unwrap_or(0);
        let last = spans.map(|span| span.end).max().unwrap_or(0);
        let mut ends = text[..first].rmatch_indices('\n').map(|(at, _)| at + 1);
        let start = ends.nth(AROUND).unwrap_or(0);
        let mut ends = text[last..].match_indices('\n').map(|(at, _)| last + at);
        let end = ends.nth(AROUND).unwrap_or(text.len());
        Self {
            source: safe::Source::new(&text[start..end]),
            start,
            line: 1 + text[..start].matches('\n').count(),
        }
    }

    fn range(&self, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        let inside = |at: usize| at.saturating_sub(self.start);
        self.source.range(&(inside(span.start)..inside(span.end)))
    }

    fn annotation<'a>(&self, kind: AnnotationKind, label: &Label) -> Annotation<'a> {
        let annotation = kind.span(self.range(&label.span));
        if label.text.is_empty() {
            annotation
        } else {
            annotation.label(safe::line(&label.text))
        }
    }
}
