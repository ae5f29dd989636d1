//! The registry of diagnostic codes and their pages.

use crate::Code;

/// All codes with their titles, sorted.
pub fn codes() -> &'static [(Code, &'static str)] {
    &[]
}

/// The page that explains a code, in Markdown.
pub fn page(code: Code) -> Option<&'static str> {
    let _ = code;
    None
}
