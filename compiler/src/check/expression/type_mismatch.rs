//! Operands or arguments that do not fit.

use crate::Code;

pub(crate) const CODE: Code = Code(507);
