//! A call that can fail and says nothing of failure.

use crate::Code;

pub(crate) const CODE: Code = Code(502);
