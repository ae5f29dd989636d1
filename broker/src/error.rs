//! What the environment got wrong. What a user got wrong is a diagnostic of the compiler.

use vrsky_plan::TenantId;

use crate::server::MINIMUM_VERSION;

/// Why the broker could not be made to follow the plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server was not reached, or refused the credentials.
    #[error("cannot connect to the broker as {who}: {source}")]
    Connect {
        /// `system`, `platform`, or a tenant's id.
        who: String,
        /// What the client said.
        source: async_nats::ConnectError,
    },
    /// The server is of a version that lets accounts reach into each other.
    #[error(
        "nats-server {found} is too old: {} or newer is needed, since older ones let accounts reach into each other",
        MINIMUM_VERSION
    )]
    TooOld {
        /// What the server says it is.
        found: String,
    },
    /// A key is malformed.
    #[error("a key is malformed: {0}")]
    Key(#[from] nkeys::error::Error),
    /// [`crate::Keys::provide`] was not called with this plan, or there is no such role.
    #[error("no keys for tenant {tenant}, role {role}")]
    NoKeys {
        /// The tenant's id.
        tenant: TenantId,
        /// The role, or `account`.
        role: String,
    },
    /// The plan has a format that this version does not know.
    #[error("the plan has version {found}, this broker reads version {expected}")]
    Version {
        /// In the plan.
        found: u32,
        /// Known here.
        expected: u32,
    },
    /// The server did not answer in time, or the connection broke.
    #[error("no answer while {doing}: {source}")]
    NoAnswer {
        /// What was being done.
        doing: String,
        /// What the client said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answered, and refused.
    #[error("the broker refused {doing}: {text} ({code})")]
    Refused {
        /// What was being done.
        doing: String,
        /// The server's error code.
        code: u64,
        /// The server's words.
        text: String,
    },
    /// The server accepted a change, but reading it back shows something else.
    #[error("{what} is not as written when read back")]
    NotVerified {
        /// What was read back.
        what: String,
    },
    /// Something that the broker holds cannot be read.
    #[error("cannot read {what}: {source}")]
    Unreadable {
        /// What was read.
        what: String,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
}

impl Error {
    /// A word for metrics and event reasons.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Connect { .. } | Self::NoAnswer { .. } => "BrokerUnavailable",
            Self::TooOld { .. } => "BrokerTooOld",
            Self::Key(_) | Self::NoKeys { .. } => "KeysInvalid",
            Self::Version { .. } => "PlanVersion",
            Self::Refused { .. } => "BrokerRefused",
            Self::NotVerified { .. } => "NotVerified",
            Self::Unreadable { .. } => "Unreadable",
        }
    }

    pub(crate) fn no_answer(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::NoAnswer {
            doing: doing.into(),
            source: source.into(),
        }
    }
}
