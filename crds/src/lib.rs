//! What users write: the kinds of `vrsky.io/v1alpha1`.
//!
//! Types only: no client, no logic. Every field here works today; a field that is not here is an
//! error for the compiler and for the API server. Doc comments are what `kubectl explain` prints.

pub mod connector;
pub mod flow;
pub mod grant;
pub mod status;
pub mod tenant;
pub mod topic;
pub mod values;

pub use connector::{Connector, ConnectorSpec};
pub use flow::{Flow, FlowSpec};
pub use grant::{Grant, GrantSpec};
pub use tenant::{Tenant, TenantSpec};
pub use topic::{Topic, TopicSpec};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON,
};
use kube::CustomResourceExt;

/// The API group and version of every kind.
pub const API_VERSION: &str = "vrsky.io/v1alpha1";

/// The CustomResourceDefinitions of all kinds, sorted by name.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        Connector::crd(),
        Flow::crd(),
        Grant::crd(),
        Tenant::crd(),
        Topic::crd(),
    ];
    definitions.iter_mut().for_each(unseen);
    definitions
}

/// Gives an object a status from the start. Without one, kstatus takes an object that no operator has
/// seen for done.
fn unseen(definition: &mut CustomResourceDefinition) {
    let versions = definition.spec.versions.iter_mut();
    let schemas =
        versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut());
    for schema in schemas {
        let properties = schema.properties.get_or_insert_default();
        if let Some(status) = properties.get_mut("status") {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
}
