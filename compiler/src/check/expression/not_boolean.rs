//! A filter or condition that is not boolean.

use crate::Code;

pub(crate) const CODE: Code = Code(501);
