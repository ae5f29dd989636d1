//! A function or form that expressions may not use.

use crate::Code;

pub(crate) const CODE: Code = Code(505);
