//! Other mistakes, such as a variable that does not exist.

use crate::Code;

pub(crate) const CODE: Code = Code(508);
