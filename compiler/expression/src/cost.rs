//! What typing an expression costs VRL. Its compiler types each node again for every node above it,
//! and the arguments of a call twice, so that nested calls double the work with each level. The walk
//! adds this up and refuses what would take longer than tens of milliseconds.

/// The budget of one expression, in units of about a quarter of a microsecond (measured: 100
/// additions cost 170,000 units and 40 ms unoptimised, eight nested `to_int!` 25,000 and 6 ms).
pub(crate) const BUDGET: u64 = 250_000;

/// The cost of a node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Compiling it, once.
    pub(crate) compile: u64,
    /// Typing it again, each time.
    pub(crate) again: u64,
    /// Nodes.
    pub(crate) size: u64,
}

impl Cost {
    /// A node without children.
    pub(crate) const LEAF: Self = Self {
        compile: 4,
        again: 2,
        size: 1,
    };

    /// Both, one after the other.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            compile: self.compile.saturating_add(other.compile),
            again: self.again.saturating_add(other.again),
            size: self.size.saturating_add(other.size),
        }
    }

    /// A node above these children: its own work, and theirs again `times` over.
    pub(crate) fn above(self, own: u64, times: u64) -> Self {
        let again = self.again.saturating_mul(times).saturating_add(own);
        Self {
            compile: self.compile.saturating_add(again),
            again,
            size: self.size + 1,
        }
    }
}
