//! VRL's diagnostics in our words: one kind, one span, one line, and how to mend it.

use std::ops::Range;

use vrl::compiler::codes::{
    CompilerCode, ExprCode, FunctionCode, ParserCode, ValueCode, VariableCode, WarningCode,
};
use vrl::diagnostic::{Diagnostic, DiagnosticMessage, Label};

use crate::{Mistake, MistakeKind};

/// The candidate that a name was probably meant to be.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    let reach = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::osa_distance(&name, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A span that can be cut out of the text: VRL counts characters in templates and may end past the
/// text.
pub(crate) fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |at: usize| {
        (0..=at.min(source.len()))
            .rev()
            .find(|at| source.is_char_boundary(*at))
            .unwrap_or(0)
    };
    let start = floor(span.start);
    let end = (span.end.min(source.len())..=source.len())
        .find(|at| source.is_char_boundary(*at))
        .unwrap_or(source.len());
    start..end.max(start)
}

/// A mistake of the grammar.
pub(crate) fn parser(error: &vrl::parser::Error, source: &str) -> Mistake {
    let span = error
        .labels()
        .first()
        .map_or(0..source.len(), |label| label.span.range());
    let span = within(source, &span);
    let message = match error.labels().first() {
        Some(label) if label.message.starts_with("unexpected syntax token") => {
            unexpected(&source[span.clone()])
        }
        Some(label) => first_line(&label.message),
        None => "this is no expression".to_owned(),
    };
    let help = match &source[span.clone()] {
        "=" | "&" | "|" => {
            Some("comparison is `==`, conjunction `&&`, alternative `||`".to_owned())
        }
        text if text.starts_with('\'') => Some("strings are in double quotes: \"text\"".to_owned()),
        _ => None,
    };
    Mistake {
        kind: MistakeKind::Syntax,
        span,
        message,
        help,
        fix: None,
    }
}

fn unexpected(text: &str) -> String {
    match text.trim() {
        "" => "unexpected end of a line or of the expression".to_owned(),
        text => format!("unexpected `{}`", first_line(text)),
    }
}

/// VRL's diagnostics, sorted, without those that follow from others.
pub(crate) fn compiler(diagnostics: &[Diagnostic], source: &str) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = diagnostics
        .iter()
        .map(|diagnostic| mistake(diagnostic, source))
        .collect();
    mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end, mistake.kind));
    mistakes.dedup();
    mistakes
}

fn mistake(diagnostic: &Diagnostic, source: &str) -> Mistake {
    let label = primary(diagnostic);
    let span = within(
        source,
        &label.map_or(0..source.len(), |label| label.span.range()),
    );
    let text = &source[span.clone()];
    let kind = kind(diagnostic.code);
    if kind == MistakeKind::Fallible {
        return fallible(source, span);
    }
    let (message, help) = words(diagnostic, text);
    let fix = (diagnostic.code == CompilerCode::AbortInfallible as usize)
        .then(|| {
            source[span.start..]
                .find('!')
                .map(|bang| (span.start + bang..span.start + bang + 1, String::new()))
        })
        .flatten();
    Mistake {
        kind,
        span,
        message,
        help,
        fix,
    }
}

/// What a diagnostic says, and how to mend it.
fn words(diagnostic: &Diagnostic, text: &str) -> (String, Option<String>) {
    const UNDEFINED: usize = VariableCode::UndefinedVariable as usize;
    const UNUSED: usize = WarningCode::UnusedCode as usize;
    const COALESCE: usize = CompilerCode::UnnecessaryCoalesce as usize;
    const BANG: usize = CompilerCode::AbortInfallible as usize;
    const NOT: usize = CompilerCode::NonBooleanNot as usize;
    const KIND: usize = ExprCode::InvalidArgumentKind as usize;
    let shown = first_line(text);
    let own = |message: &str, help: &str| (message.to_owned(), Some(help.to_owned()));
    match diagnostic.code {
        UNDEFINED => own(
            &format!("there is no variable `{shown}`"),
            "a field of the payload starts with a dot: `.name`",
        ),
        UNUSED => own(
            &format!("the value of `{shown}` is not used"),
            "assign it, or remove it",
        ),
        COALESCE => own(
            &format!("`{shown}` cannot fail"),
            "remove `??` and what follows it",
        ),
        BANG => own(
            "this call cannot fail, so `!` has no meaning",
            "remove the `!`",
        ),
        NOT => own(
            "`!` negates true and false only",
            "compare with something first",
        ),
        KIND => argument(diagnostic, &shown),
        _ => {
            let headline = first_line(&diagnostic.message);
            let detail = primary(diagnostic).map(|label| first_line(&label.message));
            let message = match detail.filter(|detail| !detail.is_empty() && *detail != headline) {
                Some(detail) => format!("{headline}: {detail}"),
                None => headline,
            };
            let context = diagnostic.labels.iter().find(|label| !label.primary);
            (
                message,
                context
                    .map(|label| first_line(&label.message))
                    .filter(|line| !line.is_empty()),
            )
        }
    }
}

/// An argument of a type that the function does not take.
fn argument(diagnostic: &Diagnostic, shown: &str) -> (String, Option<String>) {
    let kinds = |text: &str| {
        let at = ["the exact type ", "one of "]
            .iter()
            .find_map(|start| text.split_once(start))?
            .1;
        Some(first_line(at).replace("undefined", "absent"))
    };
    let found = primary(diagnostic)
        .and_then(|label| kinds(&label.message))
        .unwrap_or_else(|| "of another type".to_owned());
    let wanted = diagnostic
        .labels
        .iter()
        .filter(|label| !label.primary)
        .find_map(|label| kinds(&label.message));
    let message = match &wanted {
        Some(wanted) => format!("`{shown}` is {found}, and must be {wanted}"),
        None => format!("`{shown}` is {found}"),
    };
    let help = match wanted.as_deref() {
        Some(
            wanted
            @ ("string" | "integer" | "float" | "boolean" | "object" | "array" | "timestamp"),
        ) => {
            let function = if wanted == "integer" {
                "int"
            } else if wanted == "boolean" {
                "bool"
            } else {
                wanted
            };
            let dead =
                format!("`{function}!(…)` dead-letters messages in which it is something else");
            let absent = found.contains("null") || found.contains("absent");
            Some(if absent {
                format!("in a filter, ask `{shown} != null &&` first; {dead}")
            } else {
                dead
            })
        }
        _ => None,
    };
    (message, help)
}

fn primary(diagnostic: &Diagnostic) -> Option<&Label> {
    diagnostic
        .labels
        .iter()
        .find(|label| label.primary)
        .or_else(|| diagnostic.labels.first())
}

fn kind(code: usize) -> MistakeKind {
    const FALLIBLE: [usize; 4] = [
        ExprCode::FallibleExpression as usize,
        ExprCode::FallibleAssignment as usize,
        CompilerCode::FallibleArgument as usize,
        CompilerCode::FallibleExpr as usize,
    ];
    const TYPES: [usize; 7] = [
        ExprCode::InvalidArgumentKind as usize,
        ExprCode::ClosureParameterTypeMismatch as usize,
        ExprCode::ReturnTypeMismatch as usize,
        ExprCode::NonStringAbortMessage as usize,
        CompilerCode::MergeNonObjects as usize,
        CompilerCode::ChainedComparison as usize,
        FunctionCode::InvalidArgument as usize,
    ];
    const BOOLEAN: [usize; 2] = [
        ExprCode::NonBooleanPredicate as usize,
        CompilerCode::NonBooleanNot as usize,
    ];
    if FALLIBLE.contains(&code) {
        MistakeKind::Fallible
    } else if BOOLEAN.contains(&code) {
        MistakeKind::NotBoolean
    } else if TYPES.contains(&code)
        || (ValueCode::ExpectedType as usize..=ValueCode::OutOfRange as usize).contains(&code)
    {
        MistakeKind::TypeMismatch
    } else if code == ExprCode::UndefinedFunction as usize {
        MistakeKind::UnknownFunction
    } else if (ParserCode::InvalidToken as usize..=ParserCode::UnicodeEscape as usize)
        .contains(&code)
    {
        MistakeKind::Syntax
    } else {
        MistakeKind::Other
    }
}

fn fallible(source: &str, span: Range<usize>) -> Mistake {
    let Some((call, name)) = only_call(source, &span) else {
        let help = "make sure of the types first (`int!(.x)` dead-letters other values), or add `?? default`";
        return Mistake {
            kind: MistakeKind::Fallible,
            span,
            message: "this can fail, and nothing says what happens then".to_owned(),
            help: Some(help.to_owned()),
            fix: None,
        };
    };
    let at = call.start + name.len();
    Mistake {
        kind: MistakeKind::Fallible,
        message: format!("`{name}` can fail, and nothing says what happens then"),
        help: Some(format!(
            "`{name}!(…)` dead-letters the message on failure; `{name}(…) ?? default` goes on"
        )),
        fix: Some((at..at, "!".to_owned())),
        span: call,
    }
}

/// The call that a span is, or the only one without `!` that it contains besides other calls.
fn only_call<'a>(source: &'a str, span: &Range<usize>) -> Option<(Range<usize>, &'a str)> {
    let text = &source[span.clone()];
    let bytes = text.as_bytes();
    let mut calls = Vec::new();
    for (at, _) in text.match_indices('(') {
        let name = bytes[..at]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        if name > 0 && crate::functions::find(&text[at - name..at]).is_some() {
            calls.push((at - name, at));
        }
    }
    let first = *calls.first()?;
    // A call from end to end is the one that is meant, whatever stands in its arguments.
    let whole = first.0 == 0 && closing(bytes, first.1) == Some(bytes.len() - 1);
    if !whole && (calls.len() != 1 || text.contains(['+', '-', '*', '/', '<', '>', '|', '&'])) {
        return None;
    }
    let end = closing(bytes, first.1).map_or(bytes.len(), |end| end + 1);
    Some((
        span.start + first.0..span.start + end,
        &text[first.0..first.1],
    ))
}

/// Where the bracket that opens at a place closes; brackets in texts may mislead it by a few places.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}
