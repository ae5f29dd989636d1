//! The way in from outside: an Ingress or an HTTPRoute for each webhook, where the platform asks for it.
//! Each names its one path, so that no tenant takes what is another's, nor one namespace what is
//! another's of its tenant.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use serde_json::{Value, json};
use vrsky_plan::Program;

use super::{Context, WEBHOOK_PORT, sealed};
use crate::config;
use crate::index::Key;
use crate::kinds::Kind;
use crate::names;

impl Context<'_> {
    pub(super) fn ways_in(&self) -> Vec<(Key, Value)> {
        let webhooks = &self.config.webhooks;
        let Some(host) = webhooks.host() else {
            return Vec::new();
        };
        let programs = self.tenant.programs.values().filter(|program| {
            program.flow.namespace() == self.workload.namespace
                && self
                    .workload
                    .flow
                    .as_ref()
                    .is_none_or(|flow| *flow == program.flow)
        });
        let mut objects = Vec::new();
        for program in programs {
            let Some(path) = program.webhook() else {
                continue;
            };
            let path = format!("/{}/{}", self.tenant_name, path.trim_start_matches('/'));
            if let Some(ingress) = &webhooks.ingress {
                objects.push(self.ingress(ingress, host, path.clone(), program));
            }
            if let Some(route) = &webhooks.http_route {
                objects.push(self.http_route(route, host, &path, program));
            }
        }
        objects
    }

    fn ingress(
        &self,
        ingress: &config::Ingress,
        host: &str,
        path: String,
        program: &Program,
    ) -> (Key, Value) {
        let mut metadata = self.metadata();
        metadata.name = Some(names::way_in(&program.flow));
        metadata.annotations = Some(ingress.annotations.clone());
        let service = IngressServiceBackend {
            name: self.name(),
            port: Some(ServiceBackendPort {
                name: Some("http".to_owned()),
                number: None,
            }),
        };
        let rule = HTTPIngressPath {
            backend: IngressBackend {
                service: Some(service),
                resource: None,
            },
            path: Some(path),
            path_type: "Exact".to_owned(),
        };
        let tls = ingress.tls_secret.as_ref().map(|secret| IngressTLS {
            hosts: Some(vec![host.to_owned()]),
            secret_name: Some(secret.clone()),
        });
        let object = Ingress {
            metadata,
            spec: Some(IngressSpec {
                ingress_class_name: ingress.class_name.clone(),
                rules: Some(vec![IngressRule {
                    host: Some(host.to_owned()),
                    http: Some(HTTPIngressRuleValue { paths: vec![rule] }),
                }]),
                tls: tls.map(|tls| vec![tls]),
                ..IngressSpec::default()
            }),
            status: None,
        };
        sealed(Kind::Ingress, &object)
    }

    /// <https://gateway-api.sigs.k8s.io/reference/spec/#httproute>
    fn http_route(
        &self,
        route: &config::HttpRoute,
        host: &str,
        path: &str,
        program: &Program,
    ) -> (Key, Value) {
        let mut metadata = self.metadata();
        metadata.name = Some(names::way_in(&program.flow));
        let object = json!({
            "metadata": metadata,
            "spec": {
                "parentRefs": route.parent_refs,
                "hostnames": [host],
                "rules": [{
                    "matches": [{"path": {"type": "Exact", "value": path}}],
                    "backendRefs": [{"name": self.name(), "port": WEBHOOK_PORT}],
                }],
            },
        });
        sealed(Kind::HttpRoute, &object)
    }
}
