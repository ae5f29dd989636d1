//! Drawn with the source, as rustc does.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use vrsky_compiler::{Diagnostic, Document, Label, Severity};

use crate::files::Unreadable;
use crate::output::{BAD, BOLD};
use crate::project::Project;
use crate::safe;

/// All findings, one after the other. Empty if there are none.
pub(crate) fn human(
    diagnostics: &[Diagnostic],
    unreadable: &[Unreadable],
    documents: &[Document],
    renderer: &Renderer,
) -> String {
    let sources: BTreeMap<usize, safe::Source> = diagnostics
        .iter()
        .flat_map(shown)
        .filter_map(|index| Some((index, safe::Source::new(&documents.get(index)?.text))))
        .collect();
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
            .map(|diagnostic| renderer.render(&report(diagnostic, &sources, documents))),
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

/// Documents that a diagnostic shows.
fn shown(diagnostic: &Diagnostic) -> impl Iterator<Item = usize> + '_ {
    let patch = diagnostic
        .help
        .as_ref()
        .and_then(|help| help.patch.as_ref());
    std::iter::once(&diagnostic.primary)
        .chain(&diagnostic.labels)
        .map(|label| label.document)
        .chain(patch.map(|patch| patch.document))
}

fn report<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a BTreeMap<usize, safe::Source>,
    documents: &'a [Document],
) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Unverifiable => Level::WARNING.with_name("unverifiable"),
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(safe::line(&diagnostic.headline))
        .id(diagnostic.code.to_string());
    let mut group = Group::with_title(title);
    let mut order = vec![diagnostic.primary.document];
    for label in &diagnostic.labels {
        if !order.contains(&label.document) {
            order.push(label.document);
        }
    }
    for document in order {
        let Some(source) = sources.get(&document) else {
            group = group.element(Origin::path(safe::line(&diagnostic.primary.origin)));
            continue;
        };
        let mut snippet = Snippet::source(source.text());
        if diagnostic.primary.document == document {
            snippet = snippet
                .path(safe::line(&diagnostic.primary.origin))
                .annotation(annotation(
                    AnnotationKind::Primary,
                    &diagnostic.primary,
                    source,
                ));
        } else if let Some(label) = diagnostic.labels.iter().find(|it| it.document == document) {
            snippet = snippet.path(safe::line(&label.origin));
        }
        let here = diagnostic
            .labels
            .iter()
            .filter(|it| it.document == document);
        snippet = snippet
            .annotations(here.map(|label| annotation(AnnotationKind::Context, label, source)));
        group = group.element(snippet);
    }
    let Some(help) = &diagnostic.help else {
        return vec![group];
    };
    let drawn = help.patch.as_ref().and_then(|patch| {
        Some((
            patch,
            sources.get(&patch.document)?,
            documents.get(patch.document)?,
        ))
    });
    let Some((patch, source, document)) = drawn else {
        return vec![group.element(Level::HELP.message(safe::line(&help.text)))];
    };
    let replacement = safe::lines(&patch.text);
    let snippet = Snippet::source(source.text())
        .path(safe::line(&document.origin))
        .patch(Patch::new(source.range(&patch.span), replacement));
    vec![
        group,
        Level::HELP
            .secondary_title(safe::line(&help.text))
            .element(snippet),
    ]
}

fn annotation<'a>(
    kind: AnnotationKind,
    label: &Label,
    source: &safe::Source,
) -> annotate_snippets::Annotation<'a> {
    let annotation = kind.span(source.range(&label.span));
    if label.text.is_empty() {
        annotation
    } else {
        annotation.label(safe::line(&label.text))
    }
}
