//! The Deployment of a workload: pods that pass the restricted profile.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, HTTPGetAction, KeyToPath,
    LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ProjectedVolumeSource, SeccompProfile, SecretProjection, SecretVolumeSource, SecurityContext,
    Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::{Context, HEALTH_PORT, WEBHOOK_PORT, labels, sealed};
use crate::index::Key;
use crate::kinds::Kind;
use crate::names::{AUTHORITIES, CREDENTIALS, RUNTIME};

/// A runtime drains for 25 s at the most.
const GRACE_SECONDS: i64 = 30;
/// Nobody: the images know no other user.
const USER: i64 = 65532;
/// Read and write for the pod alone.
const SECRET_MODE: i32 = 0o440;

impl Context<'_> {
    pub(super) fn deployment(&self) -> (Key, Value) {
        let object = Deployment {
            metadata: self.metadata(),
            spec: Some(DeploymentSpec {
                replicas: Some(i32::try_from(self.pods).unwrap_or(i32::MAX)),
                selector: self.selector(),
                revision_history_limit: Some(2),
                // The new pod is there before the old one goes: edges pass from one to the other.
                strategy: Some(DeploymentStrategy {
                    type_: Some("RollingUpdate".to_owned()),
                    rolling_update: Some(RollingUpdateDeployment {
                        max_surge: Some(IntOrString::Int(1)),
                        max_unavailable: Some(IntOrString::Int(0)),
                    }),
                }),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(labels(self.tenant_name, &self.name())),
                        ..ObjectMeta::default()
                    }),
                    spec: Some(self.pod()),
                },
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        };
        sealed(Kind::Deployment, &object)
    }

    fn pod(&self) -> PodSpec {
        let runtime = &self.config.runtime;
        let pull = runtime.image_pull_secrets.iter();
        let pull: Vec<_> = pull
            .map(|name| LocalObjectReference { name: name.clone() })
            .collect();
        PodSpec {
            service_account_name: Some(RUNTIME.to_owned()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(GRACE_SECONDS),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(USER),
                run_as_group: Some(USER),
                fs_group: Some(USER),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            image_pull_secrets: (!pull.is_empty()).then_some(pull),
            node_selector: (!runtime.node_selector.is_empty())
                .then(|| runtime.node_selector.clone()),
            tolerations: (!runtime.tolerations.is_empty()).then(|| runtime.tolerations.clone()),
            priority_class_name: runtime.priority_class_name.clone(),
            containers: vec![self.container()],
            volumes: Some(self.volumes()),
            ..PodSpec::default()
        }
    }

    fn container(&self) -> Container {
        let runtime = &self.config.runtime;
        let port = |name: &str, port: u16| ContainerPort {
            name: Some(name.to_owned()),
            container_port: port.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        };
        let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
            name: name.to_owned(),
            mount_path: path.to_owned(),
            read_only: read_only.then_some(true),
            ..VolumeMount::default()
        };
        Container {
            name: "runtime".to_owned(),
            image: Some(runtime.image.clone()),
            image_pull_policy: runtime.image_pull_policy.clone(),
            args: Some(self.arguments()),
            env: Some(self.environment()).filter(|env| !env.is_empty()),
            working_dir: Some("/data".to_owned()),
            ports: Some(vec![
                port("webhooks", WEBHOOK_PORT),
                port("health", HEALTH_PORT),
            ]),
            liveness_probe: Some(probe("/livez", 10)),
            readiness_probe: Some(probe("/readyz", 2)),
            resources: Some(runtime.resources.clone()),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities {
                    drop: Some(vec!["ALL".to_owned()]),
                    ..Capabilities::default()
                }),
                read_only_root_filesystem: Some(true),
                ..SecurityContext::default()
            }),
            volume_mounts: Some(vec![
                mount("nats", "/etc/vrsky/nats", true),
                mount("secrets", "/etc/vrsky/secrets", true),
                mount("data", "/data", false),
            ]),
            ..Container::default()
        }
    }

    fn arguments(&self) -> Vec<String> {
        let flows = self.workload.flow.as_ref();
        let flows = flows.map_or_else(|| self.workload.namespace.clone(), ToString::to_string);
        [
            ("--nats", self.config.nats.url.clone()),
            ("--creds", format!("/etc/vrsky/nats/{CREDENTIALS}")),
            ("--tenant-id", self.tenant.id.to_string()),
            ("--listen", format!("0.0.0.0:{WEBHOOK_PORT}")),
            ("--health", format!("0.0.0.0:{HEALTH_PORT}")),
            ("--secrets", "/etc/vrsky/secrets".to_owned()),
            ("--flows", flows),
        ]
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
    }

    /// What the chart says, and where certificate authorities are: once one of these two is set, TLS
    /// libraries look nowhere else.
    fn environment(&self) -> Vec<EnvVar> {
        let runtime = &self.config.runtime;
        let set = |name: &str, value: String| EnvVar {
            name: name.to_owned(),
            value: Some(value),
            ..EnvVar::default()
        };
        let mut env = Vec::new();
        if runtime.ca_certificates.is_some() {
            env.push(set("SSL_CERT_DIR", "/etc/ssl/certs".to_owned()));
            env.push(set(
                "SSL_CERT_FILE",
                format!("/etc/vrsky/nats/{AUTHORITIES}"),
            ));
        }
        env.extend(runtime.env.iter().cloned());
        env
    }

    fn volumes(&self) -> Vec<Volume> {
        let nats = SecretVolumeSource {
            secret_name: Some(RUNTIME.to_owned()),
            default_mode: Some(SECRET_MODE),
            ..SecretVolumeSource::default()
        };
        vec![
            Volume {
                name: "nats".to_owned(),
                secret: Some(nats),
                ..Volume::default()
            },
            Volume {
                name: "secrets".to_owned(),
                projected: Some(self.secrets()),
                ..Volume::default()
            },
            Volume {
                name: "data".to_owned(),
                empty_dir: Some(EmptyDirVolumeSource::default()),
                ..Volume::default()
            },
        ]
    }

    /// The Secrets of the flows, each optional: one that is missing stops one flow, not the pod.
    fn secrets(&self) -> ProjectedVolumeSource {
        let namespace = &self.workload.namespace;
        let secrets: &BTreeMap<_, _> = &self.workload.secrets;
        let sources = secrets.iter().map(|(name, keys)| VolumeProjection {
            secret: Some(SecretProjection {
                name: name.clone(),
                optional: Some(true),
                items: Some(
                    keys.iter()
                        .map(|key| KeyToPath {
                            key: key.clone(),
                            path: format!("{namespace}/{name}/{key}"),
                            mode: None,
                        })
                        .collect(),
                ),
            }),
            ..VolumeProjection::default()
        });
        ProjectedVolumeSource {
            default_mode: Some(SECRET_MODE),
            sources: Some(sources.collect()),
        }
    }
}

fn probe(path: &str, period: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("health".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(2),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}
