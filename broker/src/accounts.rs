//! Accounts: what each should be, and pushing them to the servers.

mod desired;
mod resolver;

pub(crate) use desired::{closed, is_closed, platform, system, tenant, without_import};
pub(crate) use resolver::Resolver;
