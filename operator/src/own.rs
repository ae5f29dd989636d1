//! What the operator keeps in its own namespace: keys, the inventory, the evaluation server's
//! configuration. Losing these means a new installation, so they are written before anything that
//! depends on them.

use std::collections::BTreeMap;
use std::io;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use vrsky_broker::{Keys, ServerConfig};

use crate::apply::words;
use crate::config::{self, Server};
use crate::inventory::Inventory;
use crate::names::{INVENTORY, KEYS, KEYS_FILE, SERVER, SERVER_FILE, SOUND, TRUST_FILE};
use crate::packed::{packed, unpacked};

/// Why the operator's own state cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error("{what}: {}", words(source))]
    Api {
        /// What was read or written.
        what: &'static str,
        /// What it said.
        source: Box<kube::Error>,
    },
    /// Something in the operator's namespace is not what the operator wrote.
    #[error("{what} cannot be read; restore it from a backup (docs/install.md)")]
    Unreadable {
        /// What was read.
        what: &'static str,
    },
    /// Keys cannot be made or used.
    #[error(transparent)]
    Broker(#[from] vrsky_broker::Error),
    /// The configuration's sizes.
    #[error("nats.server: {0:?} is not a number of bytes such as 10Gi")]
    Size(String),
    /// Routes are asked for, and the cluster has none.
    #[error(
        "webhooks.httpRoute: the API server does not know HTTPRoute of gateway.networking.k8s.io/v1; \
         install the Gateway API, or leave the value out"
    )]
    NoGateways,
}

/// An object of the operator's own, with the version that the next write has to name.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// What it says.
    pub value: T,
    version: Option<String>,
    /// False after a write that failed: it may have been done or not.
    is_sure: bool,
}

impl<T> Stored<T> {
    fn new(value: T, version: Option<String>) -> Self {
        Self {
            value,
            version,
            is_sure: true,
        }
    }
}

/// The operator's own namespace.
#[derive(Clone)]
pub struct Own {
    secrets: Api<Secret>,
    maps: Api<ConfigMap>,
}

impl Own {
    /// The namespace `namespace`.
    pub fn new(client: &Client, namespace: &str) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), namespace),
            maps: Api::namespaced(client.clone(), namespace),
        }
    }

    /// The keys; made and stored if there are none.
    pub async fn keys(&self) -> Result<Stored<Keys>, Error> {
        if let Some(stored) = self.stored_keys().await? {
            return Ok(stored);
        }
        let mut stored = Stored::new(Keys::generate()?, None);
        self.put_keys(&mut stored).await?;
        Ok(stored)
    }

    async fn stored_keys(&self) -> Result<Option<Stored<Keys>>, Error> {
        let what = "Secret vrsky-keys";
        let found = self.secrets.get_opt(KEYS).await;
        let Some(secret) = found.map_err(|error| api(what, error))? else {
            return Ok(None);
        };
        let data = secret.data.unwrap_or_default();
        let keys = data.get(KEYS_FILE).ok_or(Error::Unreadable { what })?;
        let value = serde_json::from_slice(&keys.0).map_err(|_| Error::Unreadable { what })?;
        Ok(Some(Stored::new(value, secret.metadata.resource_version)))
    }

    /// Reads anew what a write that failed has left in doubt. Keys that are gone are not made anew:
    /// everything that runs depends on those that were.
    pub async fn make_sure(
        &self,
        keys: &mut Stored<Keys>,
        inventory: &mut Stored<Inventory>,
    ) -> Result<(), Error> {
        if !keys.is_sure {
            let what = "Secret vrsky-keys";
            let stored = self.stored_keys().await?;
            *keys = stored.ok_or(Error::Unreadable { what })?;
        }
        if !inventory.is_sure {
            *inventory = self.inventory().await?;
        }
        Ok(())
    }

    /// Stores the keys; refused if somebody else has stored others since they were read.
    pub async fn put_keys(&self, keys: &mut Stored<Keys>) -> Result<(), Error> {
        keys.is_sure = false;
        let what = "Secret vrsky-keys";
        let text = serde_json::to_vec(&keys.value).map_err(|_| Error::Unreadable { what })?;
        let secret = Secret {
            metadata: metadata(KEYS, keys.version.clone()),
            data: Some(BTreeMap::from([(KEYS_FILE.to_owned(), ByteString(text))])),
            ..Secret::default()
        };
        let parameters = PostParams::default();
        let written = if keys.version.is_some() {
            self.secrets.replace(KEYS, &parameters, &secret).await
        } else {
            self.secrets.create(&parameters, &secret).await
        };
        let written = written.map_err(|error| api(what, error))?;
        keys.version = written.metadata.resource_version;
        keys.is_sure = true;
        Ok(())
    }

    /// The inventory; empty if there is none.
    pub async fn inventory(&self) -> Result<Stored<Inventory>, Error> {
        let what = "ConfigMap vrsky-inventory";
        let found = self.maps.get_opt(INVENTORY).await;
        let Some(map) = found.map_err(|error| api(what, error))? else {
            return Ok(Stored::new(Inventory::default(), None));
        };
        let data = map.data.unwrap_or_default();
        let text = data.get(INVENTORY).ok_or(Error::Unreadable { what })?;
        let mut value: Inventory =
            serde_json::from_str(text).map_err(|_| Error::Unreadable { what })?;
        // An operator that knew nothing of it may have written the rest.
        if let Some(sound) = map.binary_data.unwrap_or_default().get(SOUND) {
            value.sound = unpacked(&sound.0).ok_or(Error::Unreadable { what })?;
        }
        Ok(Stored::new(value, map.metadata.resource_version))
    }

    /// Stores the inventory.
    pub async fn put_inventory(&self, inventory: &mut Stored<Inventory>) -> Result<(), Error> {
        let what = "ConfigMap vrsky-inventory";
        let text =
            serde_json::to_string(&inventory.value).map_err(|_| Error::Unreadable { what })?;
        let sound = serde_json::to_vec(&inventory.value.sound).map_err(io::Error::from);
        let sound = sound.and_then(|json| packed(&json));
        let sound = sound.map_err(|_| Error::Unreadable { what })?;
        inventory.is_sure = false;
        let map = ConfigMap {
            metadata: metadata(INVENTORY, inventory.version.clone()),
            data: Some(BTreeMap::from([(INVENTORY.to_owned(), text)])),
            binary_data: Some(BTreeMap::from([(SOUND.to_owned(), ByteString(sound))])),
            ..ConfigMap::default()
        };
        inventory.version = self.put_map(what, map).await?;
        inventory.is_sure = true;
        Ok(())
    }

    /// Makes the configuration of servers what the keys ask for: whom they trust, and the whole of it
    /// for the evaluation server.
    pub async fn servers(&self, server: Option<&Server>, keys: &Keys) -> Result<(), Error> {
        let what = "ConfigMap vrsky-nats-server";
        let mut files = BTreeMap::from([(TRUST_FILE.to_owned(), ServerConfig::trust(keys)?)]);
        if let Some(server) = server {
            files.insert(SERVER_FILE.to_owned(), whole(server, keys)?);
        }
        let found = self.maps.get_opt(SERVER).await;
        let found = found.map_err(|error| api(what, error))?;
        if found.as_ref().and_then(|map| map.data.as_ref()) == Some(&files) {
            return Ok(());
        }
        let version = found.and_then(|map| map.metadata.resource_version);
        let map = ConfigMap {
            metadata: metadata(SERVER, version),
            data: Some(files),
            ..ConfigMap::default()
        };
        self.put_map(what, map).await?;
        Ok(())
    }

    async fn put_map(&self, what: &'static str, map: ConfigMap) -> Result<Option<String>, Error> {
        let parameters = PostParams::default();
        let written = match (&map.metadata.name, &map.metadata.resource_version) {
            (Some(name), Some(_)) => self.maps.replace(name, &parameters, &map).await,
            _ => self.maps.create(&parameters, &map).await,
        };
        let written = written.map_err(|error| api(what, error))?;
        Ok(written.metadata.resource_version)
    }
}

/// The evaluation server's configuration.
fn whole(server: &Server, keys: &Keys) -> Result<String, Error> {
    let size = |text: &String| config::bytes(text).ok_or_else(|| Error::Size(text.clone()));
    let mut config = ServerConfig::local(&server.store_dir);
    "0.0.0.0".clone_into(&mut config.host);
    config.port = Some(4222);
    config.max_file_store = size(&server.max_file_store)?;
    config.max_memory_store = size(&server.max_memory_store)?;
    Ok(config.render(keys)?)
}

fn metadata(name: &str, version: Option<String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        resource_version: version,
        ..ObjectMeta::default()
    }
}

pub(crate) fn api(what: &'static str, error: kube::Error) -> Error {
    Error::Api {
        what,
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::{Error, Inventory, Keys, Own, Stored};
    use crate::fake_api;

    /// An API server that stores nothing, and has what it has.
    fn own(found: Option<&Keys>) -> Own {
        let files = found.map(|keys| {
            let text = serde_json::to_vec(keys).unwrap();
            json!({"keys.json": data_encoding::BASE64.encode(&text)})
        });
        let client = fake_api::client(move |method, _, _| match (method, &files) {
            ("GET", Some(files)) => {
                let metadata = json!({"name": "vrsky-keys", "resourceVersion": "7"});
                (200, json!({"metadata": metadata, "data": files}))
            }
            ("GET", None) => fake_api::refused(404, "NotFound"),
            _ => fake_api::refused(503, "ServiceUnavailable"),
        });
        Own::new(&client, "vrsky-system")
    }

    fn text(keys: &Keys) -> String {
        serde_json::to_string(keys).unwrap()
    }

    #[tokio::test]
    async fn after_a_write_that_failed_the_stored_keys_count() {
        let (stored, made) = (Keys::generate().unwrap(), Keys::generate().unwrap());
        let own = own(Some(&stored));
        let mut keys = Stored::new(made, Some("6".to_owned()));
        let mut inventory = Stored::new(Inventory::default(), None);
        // Nothing is in doubt: nothing is read.
        let before = text(&keys.value);
        own.make_sure(&mut keys, &mut inventory).await.unwrap();
        assert_eq!(text(&keys.value), before);
        assert!(own.put_keys(&mut keys).await.is_err());
        own.make_sure(&mut keys, &mut inventory).await.unwrap();
        assert_eq!(text(&keys.value), text(&stored));
        assert_eq!(keys.version.as_deref(), Some("7"));
    }

    #[tokio::test]
    async fn keys_that_are_gone_are_not_made_anew() {
        let own = own(None);
        let mut keys = Stored::new(Keys::generate().unwrap(), Some("6".to_owned()));
        let mut inventory = Stored::new(Inventory::default(), None);
        let before = text(&keys.value);
        assert!(own.put_keys(&mut keys).await.is_err());
        for _round in 0..2 {
            let result = own.make_sure(&mut keys, &mut inventory).await;
            assert!(matches!(result, Err(Error::Unreadable { .. })));
            assert_eq!(text(&keys.value), before);
        }
    }
}
