//! A parameter that the connection has set already.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(304);

pub(crate) fn issue(path: &Path, connector: &str, object: usize, there: &str) -> Issue {
    Issue::new(
        CODE,
        path,
        format!("the connector `{connector}` has set this parameter"),
        "cannot be changed here",
    )
    .at(At::Key)
    .related(object, there, "set here")
    .help("leave it out, or use another connector")
}
