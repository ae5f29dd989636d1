//! A field that stands twice.

use crate::Code;

pub(crate) const CODE: Code = Code(2);
