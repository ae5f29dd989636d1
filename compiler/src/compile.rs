//! The arrow from World to plan.

use jiff::Timestamp;
use vrsky_plan::Plan;

use crate::{Diagnostic, World};

/// The compiler's output.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What must be true.
    pub plan: Plan,
    /// What there is to say, sorted by origin, place and code.
    pub diagnostics: Vec<Diagnostic>,
    /// When the result changes by itself, because a grant expires.
    pub recheck_at: Option<Timestamp>,
}

/// Compiles a World. Pure and total.
pub fn compile(world: &World) -> Compiled {
    let _ = world;
    Compiled {
        plan: Plan::empty(),
        diagnostics: Vec::new(),
        recheck_at: None,
    }
}
