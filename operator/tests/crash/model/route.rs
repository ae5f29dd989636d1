//! What a request is about.

use super::kinds::{self, Resource};

/// A request's path and query, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) resource: &'static Resource,
    /// Empty: none, or all.
    pub(crate) namespace: String,
    pub(crate) name: Option<String>,
    pub(crate) is_status: bool,
    pub(crate) watches: bool,
    /// `resourceVersion` of a watch.
    pub(crate) version: u64,
    /// `label=value` that objects have to have.
    pub(crate) label: Option<(String, String)>,
    /// The one name that objects may have.
    pub(crate) only: Option<String>,
    pub(crate) manager: String,
    pub(crate) force: bool,
    /// The first parameter that the model does not know.
    pub(crate) unknown: Option<String>,
}

impl Route {
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut parts = path.trim_start_matches('/').split('/').collect::<Vec<_>>();
        let version = match *parts.first()? {
            "api" => parts.drain(..2).nth(1)?.to_owned(),
            "apis" => parts.drain(..3).skip(1).collect::<Vec<_>>().join("/"),
            _ => return None,
        };
        let mut namespace = "";
        if parts.first() == Some(&"namespaces") && parts.len() > 2 {
            namespace = parts[1];
            parts.drain(..2);
        }
        let mut parts = parts.into_iter();
        let resource = kinds::find(&version, parts.next()?)?;
        let mut route = Self {
            resource,
            namespace: namespace.to_owned(),
            name: parts.next().map(str::to_owned),
            is_status: parts.next().is_some_and(|it| it == "status"),
            watches: false,
            version: 0,
            label: None,
            only: None,
            manager: String::new(),
            force: false,
            unknown: None,
        };
        for pair in query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace("%3D", "=").replace("%2F", "/");
            match name {
                "watch" => route.watches = value == "true" || value == "1",
                "resourceVersion" => route.version = value.parse().unwrap_or_default(),
                "fieldManager" => route.manager = value,
                "force" => route.force = value == "true",
                "labelSelector" => {
                    let (label, value) = value.split_once('=')?;
                    route.label = Some((label.to_owned(), value.to_owned()));
                }
                "fieldSelector" => {
                    let name = value.strip_prefix("metadata.name=")?;
                    route.only = Some(name.to_owned());
                }
                // The model's lists are never so long, and its watches never end by themselves.
                "limit" | "timeoutSeconds" | "allowWatchBookmarks" | "resourceVersionMatch" => {}
                _ => route.unknown = Some(pair.to_owned()),
            }
        }
        Some(route)
    }
}
