//! The plan: what the compiler proved, in the words of NATS and the runtime.
//!
//! Everything here crosses a wire or a file, so it is `serde` and nothing else: no client, no logic
//! beyond names and hashes. The same World gives a byte-equal plan: maps are sorted, lists are
//! sorted where order carries no meaning, and there are no clocks.

pub mod file;
pub mod grant;
pub mod header;
pub mod names;
pub mod platform;
pub mod program;
pub mod report;
pub mod tenant;
pub mod workload;

pub use grant::Import;
pub use names::{
    ConsumerName, EdgeName, FlowId, InvalidName, StreamName, Subject, TenantId, TenantName,
};
pub use program::Program;
pub use report::{Lease, Report};
pub use tenant::Tenant;
pub use workload::Workload;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The version of the plan's format. A reader refuses a plan of another version. Who raises it makes the
/// operator read the programs of the version before, too: of a flow that does not compile just then,
/// what runs is known from nothing else (`tests/stored.rs`).
pub const VERSION: u32 = 1;

/// What must be true, for all tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// One entry, and one NATS account, per tenant. Shared between one plan and the next, where nothing
    /// about the tenant has changed.
    pub tenants: BTreeMap<TenantName, Arc<Tenant>>,
}

impl Plan {
    /// A plan without tenants.
    pub fn empty() -> Self {
        Self {
            version: VERSION,
            tenants: BTreeMap::new(),
        }
    }
}
