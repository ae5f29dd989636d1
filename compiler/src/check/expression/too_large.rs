//! An expression that is too long, too deep or has too many operators.

use crate::Code;

pub(crate) const CODE: Code = Code(503);
