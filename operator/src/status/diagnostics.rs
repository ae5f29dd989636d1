//! The compiler's findings as data in a status.

use vrsky_compiler::{Diagnostic, Severity};
use vrsky_crds::status::{self, MAX_DIAGNOSTICS};

use super::row::one_line;

const MAX_MESSAGE: usize = 500;
const MAX_PATH: usize = 200;
/// The API server passes on 4096 characters in all, and 256 of each where there are more.
const MAX_WARNINGS: usize = 10;
const MAX_WARNING: usize = 250;
/// Each becomes a header.
const MAX_WARNING_BYTES: usize = 256;

/// The gravest first, then by path and code.
pub(super) fn listed(found: &[&Diagnostic]) -> Vec<status::Diagnostic> {
    let mut listed: Vec<_> = found.iter().map(|one| entry(one)).collect();
    listed.sort_by(|left, right| {
        let key = |one: &status::Diagnostic| (one.severity, one.path.clone(), one.code.clone());
        key(left).cmp(&key(right))
    });
    listed.dedup();
    listed.truncate(MAX_DIAGNOSTICS);
    listed
}

/// Lines for who is about to write the object: a few, each as long as the API server passes on.
pub fn warnings(found: &[&Diagnostic]) -> Vec<String> {
    let listed = listed(found).into_iter().take(MAX_WARNINGS);
    let lines = listed.map(|one| {
        let severity = match one.severity {
            status::Severity::Error => "error",
            status::Severity::Unverifiable => "unverifiable",
            status::Severity::Unproven => "unproven",
            status::Severity::Warning => "warning",
        };
        let place = match one.path.as_str() {
            "" => String::new(),
            path => format!(" {path}"),
        };
        let line = format!("{severity}[{}]{place}: {}", one.code, one.message);
        let mut line = one_line(&line, MAX_WARNING);
        line.truncate(line.floor_char_boundary(MAX_WARNING_BYTES));
        line
    });
    lines.collect()
}

/// One sentence about the first of `errors`, for a condition.
pub(super) fn summary(errors: &[&Diagnostic]) -> String {
    let Some(first) = listed(errors).into_iter().next() else {
        return String::new();
    };
    let place = if first.path.is_empty() {
        String::new()
    } else {
        format!("{}: ", first.path)
    };
    let more = match errors.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more in status.diagnostics"),
    };
    format!("{place}{} [{}{more}]", first.message, first.code)
}

fn entry(diagnostic: &Diagnostic) -> status::Diagnostic {
    let mut message = diagnostic.headline.clone();
    if !diagnostic.primary.text.is_empty() {
        message = format!("{message}: {}", diagnostic.primary.text);
    }
    if let Some(help) = &diagnostic.help {
        message = format!("{message}; {}", help.text);
    }
    status::Diagnostic {
        code: diagnostic.code.to_string(),
        severity: match diagnostic.severity {
            Severity::Error => status::Severity::Error,
            Severity::Unverifiable => status::Severity::Unverifiable,
            Severity::Unproven => status::Severity::Unproven,
            Severity::Warning => status::Severity::Warning,
        },
        path: one_line(&diagnostic.primary.path, MAX_PATH),
        message: one_line(&message, MAX_MESSAGE),
    }
}
