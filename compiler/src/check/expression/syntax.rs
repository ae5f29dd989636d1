//! Text that is not an expression.

use crate::Code;

pub(crate) const CODE: Code = Code(504);
