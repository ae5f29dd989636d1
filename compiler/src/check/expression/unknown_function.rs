//! A function that does not exist.

use crate::Code;

pub(crate) const CODE: Code = Code(506);
