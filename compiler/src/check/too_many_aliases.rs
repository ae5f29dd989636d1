//! Aliases that would grow a document beyond measure.

use crate::Code;

pub(crate) const CODE: Code = Code(3);
