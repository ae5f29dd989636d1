//! The NetworkPolicy of a workload: DNS, NATS, and the ports that its flows name. Which hosts are
//! behind these ports is enforced by the runtime: policies know no host names.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::{Context, HEALTH_PORT, WEBHOOK_PORT, sealed};
use crate::index::Key;
use crate::kinds::Kind;

const DNS_PORT: u16 = 53;
const NATS_PORT: u16 = 4222;

impl Context<'_> {
    pub(super) fn network_policy(&self) -> (Key, Value) {
        let mut egress = vec![
            NetworkPolicyEgressRule {
                to: None,
                ports: Some(vec![port("UDP", DNS_PORT), port("TCP", DNS_PORT)]),
            },
            NetworkPolicyEgressRule {
                to: self.nats(),
                ports: Some(vec![port("TCP", self.nats_port())]),
            },
        ];
        if !self.workload.ports.is_empty() {
            let ports = self.workload.ports.iter();
            egress.push(NetworkPolicyEgressRule {
                to: None,
                ports: Some(ports.map(|one| port("TCP", *one)).collect()),
            });
        }
        let mut ingress = vec![port("TCP", HEALTH_PORT)];
        if self.workload.webhooks {
            ingress.push(port("TCP", WEBHOOK_PORT));
        }
        let object = NetworkPolicy {
            metadata: self.metadata(),
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(self.selector()),
                policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
                ingress: Some(vec![NetworkPolicyIngressRule {
                    from: None,
                    ports: Some(ingress),
                }]),
                egress: Some(egress),
            }),
        };
        sealed(Kind::NetworkPolicy, &object)
    }

    /// The broker's pods, where it runs in this cluster.
    fn nats(&self) -> Option<Vec<NetworkPolicyPeer>> {
        let namespace = self.config.nats.namespace.as_ref()?;
        let selector = |name: &str, value: &str| LabelSelector {
            match_labels: Some(BTreeMap::from([(name.to_owned(), value.to_owned())])),
            ..LabelSelector::default()
        };
        Some(vec![NetworkPolicyPeer {
            namespace_selector: Some(selector("kubernetes.io/metadata.name", namespace)),
            pod_selector: Some(selector("app.kubernetes.io/name", "nats")),
            ip_block: None,
        }])
    }

    fn nats_port(&self) -> u16 {
        let url = &self.config.nats.url;
        let written = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        written.unwrap_or(NATS_PORT)
    }
}

fn port(protocol: &str, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(port.into())),
        end_port: None,
    }
}
