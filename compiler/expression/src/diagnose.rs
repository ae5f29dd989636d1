//! VRL's diagnostics in our words: one kind, one span, one line, and how to mend it.

use std::ops::Range;

use vrl::compiler::codes::{CompilerCode, ExprCode, FunctionCode, ParserCode, ValueCode, VariableCode, WarningCode};
use vrl::diagnostic::{Diagnostic, DiagnosticMessage, Label};

use crate::{Mistake, MistakeKind};

/// The candidate that a name was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let reach = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A span that can be cut out of the text: VRL counts characters in templates and may end past the
/// text.
pub(crate) fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |at: usize| (0..=at.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
    let start = floor(span.start);
    let end = (span.end.min(source.len())..=source.len()).find(|at| source.is_char_boundary(*at)).unwrap_or(source.len());
    start..end.max(start)
}

/// A mistake of the grammar.
pub(crate) fn parser(error: &vrl::parser::Error, source: &str) -> Mistake {
    let span = error.labels().first().map_or(0..source.len(), |label| label.span.range());
    let span = within(source, &span);
    let message = match error.labels().first() {
        Some(label) if label.message.starts_with("unexpected syntax token") => unexpected(&source[span.clone()]),
        Some(label) => first_line(&label.message),
        None => "this is no expression".to_owned(),
    };
    let help = match &source[span.clone()] {
        "=" | "&" | "|" => Some("comparison is `==`, conjunction `&&`, alternative `||`".to_owned()),
        text if text.starts_with('\'') => Some("strings are in double quotes: \"text\"".to_owned()),
        _ => None,
    };
    Mistake { kind: MistakeKind::Syntax, span, message, help, fix: None }
}

fn unexpected(text: &str) -> String {
    match text.trim() {
        "" => "unexpected end of a line or of the expression".to_owned(),
        text => format!("unexpected `{}`", first_line(text)),
    }
}

/// VRL's diagnostics, sorted, without those that follow from others.
pub(crate) fn compiler(diagnostics: &[Diagnostic], source: &str) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = diagnostics.iter().map(|diagnostic| mistake(diagnostic, source)).collect();
    mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end, mistake.kind));
    mistakes.dedup();
    mistakes
}

fn mistake(diagnostic: &Diagnostic, source: &str) -> Mistake {
    let label = primary(diagnostic);
    let span = within(source, &label.map_or(0..source.len(), |label| label.span.range()));
    let text = &source[span.clone()];
    let kind = kind(diagnostic.code);
    let (message, help, fix) = match kind {
        MistakeKind::Fallible => fallible(text, &span),
        _ => {
            let detail = label.map(|label| first_line(&label.message)).filter(|detail| !detail.is_empty());
            let headline = first_line(&diagnostic.message);
            let message = match detail {
                Some(detail) if detail != headline => format!("{headline}: {detail}"),
                _ => headline,
            };
            (message, help(diagnostic), None)
        }
    };
    if diagnostic.code == CompilerCode::AbortInfallible as usize
        && let Some(bang) = text.find('!').or_else(|| source[span.start..].find('!'))
    {
        let bang = span.start + bang..span.start + bang + 1;
        let message = "this call cannot fail, so `!` has no meaning".to_owned();
        return Mistake { kind, span, message, help: Some("remove the `!`".to_owned()), fix: Some((bang, String::new())) };
    }
    Mistake { kind, span, message, help, fix }
}

fn primary(diagnostic: &Diagnostic) -> Option<&Label> {
    diagnostic.labels.iter().find(|label| label.primary).or_else(|| diagnostic.labels.first())
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
    const BOOLEAN: [usize; 2] = [ExprCode::NonBooleanPredicate as usize, CompilerCode::NonBooleanNot as usize];
    if FALLIBLE.contains(&code) {
        MistakeKind::Fallible
    } else if BOOLEAN.contains(&code) {
        MistakeKind::NotBoolean
    } else if TYPES.contains(&code) || (ValueCode::ExpectedType as usize..=ValueCode::OutOfRange as usize).contains(&code) {
        MistakeKind::TypeMismatch
    } else if code == ExprCode::UndefinedFunction as usize {
        MistakeKind::UnknownFunction
    } else if (ParserCode::InvalidToken as usize..=ParserCode::UnicodeEscape as usize).contains(&code) {
        MistakeKind::Syntax
    } else {
        MistakeKind::Other
    }
}

fn fallible(text: &str, span: &Range<usize>) -> (String, Option<String>, Option<(Range<usize>, String)>) {
    let name = text.split('(').next().unwrap_or_default();
    let is_call = !name.is_empty()
        && text.contains('(')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_call {
        let help = "make sure of the types first (`int!(.x)` dead-letters other values), or add `?? default`";
        return ("this can fail, and nothing says what happens then".to_owned(), Some(help.to_owned()), None);
    }
    let at = span.start + name.len();
    (
        format!("`{name}` can fail, and nothing says what happens then"),
        Some(format!("`{name}!(…)` dead-letters the message on failure; `{name}(…) ?? default` goes on")),
        Some((at..at, "!".to_owned())),
    )
}

fn help(diagnostic: &Diagnostic) -> Option<String> {
    if diagnostic.code == CompilerCode::UnnecessaryCoalesce as usize {
        return Some("what is left of `??` cannot fail; remove `??` and what follows".to_owned());
    }
    if diagnostic.code == VariableCode::UndefinedVariable as usize {
        return Some("a field of the payload starts with a dot: `.name`".to_owned());
    }
    if diagnostic.code == WarningCode::UnusedCode as usize {
        return Some("assign it, or remove it".to_owned());
    }
    diagnostic.labels.iter().find(|label| !label.primary).map(|label| first_line(&label.message)).filter(|line| !line.is_empty())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}
