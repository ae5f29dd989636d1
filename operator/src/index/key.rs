//! What names an object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use kube::{Api, Client};

use crate::kinds::Kind;

/// One object: kind, namespace (empty where there is none), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, or empty.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl Key {
    /// The key of an object.
    pub fn of(kind: Kind, metadata: &ObjectMeta) -> Self {
        Self {
            kind,
            namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        }
    }

    /// A key by its parts.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Where the API server has it.
    pub fn api(&self, client: &Client) -> Api<DynamicObject> {
        let resource = self.kind.resource();
        if self.namespace.is_empty() {
            Api::all_with(client.clone(), &resource)
        } else {
            Api::namespaced_with(client.clone(), &self.namespace, &resource)
        }
    }

    /// `Flow/acme/shop`, `Tenant/acme`: the origin that diagnostics show.
    pub fn origin(&self) -> String {
        let parts = [self.kind.name(), &self.namespace, &self.name];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }

    /// The key of one of VRSky's own objects by its [`Key::origin`].
    pub fn from_origin(origin: &str) -> Option<Self> {
        let (kind, rest) = origin.split_once('/')?;
        let kind = Kind::OURS.into_iter().find(|one| one.name() == kind)?;
        let (namespace, name) = rest.split_once('/').unwrap_or(("", rest));
        Some(Self::new(kind, namespace, name))
    }
}
