//! `otherwise` where no sink has a `when`.

use super::{At, Issue};
use crate::Code;
use crate::path::Path;

pub(crate) const CODE: Code = Code(212);

pub(crate) fn issue(sink: &str) -> Issue {
    Issue::new(
        CODE,
        &Path::of("spec.sinks").key(sink).key("otherwise"),
        "`otherwise` without any `when`",
        "no other sink of this flow has a `when`",
    )
    .at(At::Key)
    .help("leave it out: a sink without `when` gets every message")
}
