//! Before the product goes: is anything of its users' left?

use std::time::Duration;

use kube::api::{DeleteParams, ListParams};
use kube::core::DynamicObject;
use kube::{Api, Client};

use crate::index::Key;
use crate::kinds::Kind;

/// How long a purge may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Objects that are named.
const NAMED: usize = 5;

/// Why the product cannot go.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Resources are left.
    #[error(
        "{count} resources of VRSky exist ({names}): uninstalling would strand them. Delete them \
         first, or set `purge: true` to have them deleted with all that is in transit"
    )]
    Left {
        /// How many.
        count: usize,
        /// Some of them.
        names: String,
    },
    /// They were deleted, and are not gone.
    #[error("{count} resources of VRSky are still there ({names}): is the operator running?")]
    Stuck {
        /// How many.
        count: usize,
        /// Some of them.
        names: String,
    },
    /// The API server.
    #[error("cannot look for resources: {0}")]
    Api(Box<kube::Error>),
}

/// Refuses while there are resources; with `purge`, deletes them and waits until they are gone.
pub async fn check(client: &Client, purge: bool) -> Result<(), Error> {
    let left = list(client).await?;
    if left.is_empty() {
        return Ok(());
    }
    if !purge {
        let (count, names) = some(&left);
        return Err(Error::Left { count, names });
    }
    // Tenants last: their account holds what the others drain into.
    for kind in [
        Kind::Flow,
        Kind::Grant,
        Kind::Topic,
        Kind::Connector,
        Kind::Tenant,
    ] {
        delete(client, kind).await?;
    }
    Ok(())
}

async fn delete(client: &Client, kind: Kind) -> Result<(), Error> {
    let began = std::time::Instant::now();
    loop {
        let left: Vec<Key> = list(client).await?;
        let left: Vec<Key> = left.into_iter().filter(|key| key.kind == kind).collect();
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            let (count, names) = some(&left);
            return Err(Error::Stuck { count, names });
        }
        for key in left {
            let api = key.api(client);
            match api.delete(&key.name, &DeleteParams::background()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(Error::Api(Box::new(error))),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// All resources of VRSky. Kinds that the API server does not know have none.
async fn list(client: &Client) -> Result<Vec<Key>, Error> {
    let mut found = Vec::new();
    for kind in Kind::OURS {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource());
        match api.list_metadata(&ListParams::default()).await {
            Ok(list) => found.extend(list.items.iter().map(|one| Key::of(kind, &one.metadata))),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(Error::Api(Box::new(error))),
        }
    }
    Ok(found)
}

fn some(keys: &[Key]) -> (usize, String) {
    let names: Vec<String> = keys.iter().take(NAMED).map(Key::origin).collect();
    (keys.len(), names.join(", "))
}
