//! The same as data: what the compiler said, with lines and columns.

use serde::Serialize;
use serde_json::{Value, json};
use vrsky_compiler::{Diagnostic, Document, Label, Severity};

use super::{place, within};
use crate::files::Unreadable;

/// What `vrsky check --output json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Findings {
    /// Findings of severity error, and files that cannot be read.
    pub(crate) errors: usize,
    /// Findings about tenants that this repository does not hold.
    pub(crate) unverifiable: usize,
    /// Edges to topics where each message has to be checked.
    pub(crate) unproven: usize,
    /// Warnings.
    pub(crate) warnings: usize,
    /// Files that cannot be read: `{origin, reason}`.
    pub(crate) unreadable: Vec<Value>,
    /// The findings.
    pub(crate) diagnostics: Vec<Value>,
}

/// The findings as data.
pub(crate) fn findings(
    diagnostics: &[Diagnostic],
    unreadable: &[Unreadable],
    documents: &[Document],
) -> Findings {
    let count = |severity| {
        diagnostics
            .iter()
            .filter(|it| it.severity == severity)
            .count()
    };
    Findings {
        errors: count(Severity::Error) + unreadable.len(),
        unverifiable: count(Severity::Unverifiable),
        unproven: count(Severity::Unproven),
        warnings: count(Severity::Warning),
        unreadable: unreadable
            .iter()
            .map(|file| json!({"origin": file.name, "reason": file.reason}))
            .collect(),
        diagnostics: diagnostics
            .iter()
            .map(|it| diagnostic(it, documents))
            .collect(),
    }
}

fn diagnostic(diagnostic: &Diagnostic, documents: &[Document]) -> Value {
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|it| label(it, documents))
        .collect();
    let help = diagnostic.help.as_ref().map(|help| {
        let patch = help.patch.as_ref().map(|patch| {
            let mut value = span(documents.get(patch.document), &patch.span);
            value["origin"] = documents
                .get(patch.document)
                .map_or(Value::Null, |document| Value::from(&*document.origin));
            value["text"] = Value::from(patch.text.as_str());
            value
        });
        json!({"text": help.text, "patch": patch})
    });
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "headline": diagnostic.headline,
        "audience": diagnostic.audience,
        "object": diagnostic.object,
        "primary": label(&diagnostic.primary, documents),
        "labels": labels,
        "help": help,
    })
}

fn label(label: &Label, documents: &[Document]) -> Value {
    let mut value = span(documents.get(label.document), &label.span);
    value["origin"] = Value::from(label.origin.as_str());
    value["path"] = Value::from(label.path.as_str());
    value["text"] = Value::from(label.text.as_str());
    value
}

fn span(document: Option<&Document>, span: &std::ops::Range<usize>) -> Value {
    let text = document.map_or("", |document| &document.text);
    let span = within(text, span);
    let (start, end) = (place(text, span.start), place(text, span.end));
    json!({
        "line": start.line, "column": start.column,
        "endLine": end.line, "endColumn": end.column,
        "span": {"start": span.start, "end": span.end},
    })
}
