//! A field that no contract declares.

use crate::Code;

pub(crate) const CODE: Code = Code(402);
