//! A sink used as a source, or the other way round.

use super::Issue;
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(210);

pub(crate) fn issue<'a>(
    path: &Path,
    name: &str,
    side: &str,
    fitting: impl Iterator<Item = &'a str>,
) -> Issue {
    let mut fitting: Vec<&str> = fitting.collect();
    fitting.sort_unstable();
    Issue::new(
        CODE,
        path,
        format!("the connector `{name}` is no {side}"),
        format!("has no {side} side"),
    )
    .help(format!(
        "connectors with a {side} side: {}",
        fitting.join(", ")
    ))
}
