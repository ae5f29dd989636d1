//! A parameter that must be set. Found by the walk over the connector's schema.

use crate::Code;

pub(crate) const CODE: Code = Code(302);
