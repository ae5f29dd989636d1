//! Values of the right type that are not possible.

use serde_json::Value as Json;

use super::{Issue, nearest, wrong_parameter};
use crate::Code;
use crate::path::Path;
use crate::shape::Dialect;

pub(crate) const CODE: Code = Code(107);

pub(crate) fn issue(dialect: Dialect, path: &Path, message: String, help: Option<&str>) -> Issue {
    let mut issue = Issue::new(code(dialect), path, message, "not possible here");
    issue.help = help.map(str::to_owned);
    issue
}

pub(crate) fn not_one_of(dialect: Dialect, path: &Path, value: &Json, allowed: &[&str]) -> Issue {
    let written = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let list = allowed
        .iter()
        .map(|one| format!("`{one}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let issue = Issue::new(
        code(dialect),
        path,
        format!("`{written}` is not one of {list}"),
        "not possible here",
    );
    match nearest(&written, allowed.iter().copied()) {
        Some(near) => issue
            .help(format!("did you mean `{near}`?"))
            .replacement(near),
        None => issue,
    }
}

fn code(dialect: Dialect) -> Code {
    if dialect == Dialect::Kind {
        CODE
    } else {
        wrong_parameter::CODE
    }
}
