//! The types of what an expression sees.

use std::sync::LazyLock;

use vrl::compiler::TypeState;
use vrl::compiler::state::{ExternalEnv, LocalEnv};
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field};

/// The metadata `%`: what every message has, and what only some sources give.
pub(crate) static METADATA: LazyLock<Kind> = LazyLock::new(|| {
    let headers = Kind::object(Collection::<Field>::from_unknown(Kind::bytes()));
    Kind::object(
        Collection::empty()
            .with_known("id", Kind::bytes())
            .with_known("time", Kind::bytes())
            .with_known("headers", headers.or_undefined())
            .with_known("file", Kind::bytes().or_undefined())
            .with_known("line", Kind::integer().or_undefined()),
    )
});

/// The type state in which an expression starts.
pub(crate) fn state(payload: &Kind) -> TypeState {
    TypeState {
        local: LocalEnv::default(),
        external: ExternalEnv::new_with_kind(payload.clone(), METADATA.clone()),
    }
}
