//! Steps of a reader that do not fit the owner's contract. Found where its expressions are typed.

use crate::Code;

pub(crate) const CODE: Code = Code(404);
