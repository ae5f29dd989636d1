//! Mistakes in expressions, found by `vrsky-expression`: each sort has a code.

pub(crate) mod fallible;
pub(crate) mod not_allowed;
pub(crate) mod not_boolean;
pub(crate) mod other;
pub(crate) mod syntax;
pub(crate) mod too_large;
pub(crate) mod type_mismatch;
pub(crate) mod undeclared_field;
pub(crate) mod unknown_function;

use vrsky_expression::{Mistake, MistakeKind};

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

/// The mistake as a finding. `text` is the whole expression. `contract` is the object and the path
/// of the contract against which the expression was typed, and whether it is another tenant's.
pub(crate) fn issue(
    path: &Path,
    text: &str,
    mistake: Mistake,
    contract: Option<(usize, &str, bool)>,
) -> Issue {
    let foreign = contract.is_some_and(|(_, _, foreign)| foreign);
    let code = code(mistake.kind, foreign);
    let mut issue =
        Issue::new(code, path, first_line(&mistake.message), "").at(At::Inside(mistake.span));
    issue.help = mistake.help;
    // A change with quotes in it could end the YAML scalar around the expression.
    if let Some((range, replacement)) = mistake.fix
        && text.get(range.clone()).is_some()
        && !replacement.contains(['"', '\'', '\\', '\n'])
    {
        issue.replacement = Some((Some(At::Inside(range)), replacement));
    }
    let typed = matches!(
        mistake.kind,
        MistakeKind::UnknownField | MistakeKind::TypeMismatch | MistakeKind::Fallible
    );
    if let Some((object, path, _)) = contract.filter(|_| typed) {
        let text = if foreign {
            "what arrives, by the owner's contract"
        } else {
            "what arrives, by this contract"
        };
        issue = issue.related(object, path, text);
    }
    issue
}

fn code(kind: MistakeKind, foreign: bool) -> Code {
    match kind {
        MistakeKind::NotBoolean => not_boolean::CODE,
        MistakeKind::Fallible => fallible::CODE,
        MistakeKind::TooLarge => too_large::CODE,
        MistakeKind::Syntax => syntax::CODE,
        MistakeKind::NotAllowed => not_allowed::CODE,
        MistakeKind::UnknownFunction => unknown_function::CODE,
        MistakeKind::UnknownField | MistakeKind::TypeMismatch if foreign => {
            super::grant_mismatch::CODE
        }
        MistakeKind::UnknownField => undeclared_field::CODE,
        MistakeKind::TypeMismatch => type_mismatch::CODE,
        MistakeKind::Other => other::CODE,
    }
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
}
