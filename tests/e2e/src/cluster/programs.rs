//! The programs of a cluster: built from Go modules that are pinned in `tools/kubernetes/`, kept in the
//! cache under a key made of the pins.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::command::output;

use crate::{cache, program};

/// Go modules that are pinned together, and the programs that are built from them.
#[derive(Debug)]
pub struct Pins {
    /// The folder in `tools/kubernetes/`.
    pub folder: &'static str,
    /// File name and Go package of each program.
    pub programs: &'static [(&'static str, &'static str)],
    /// How long a cold build takes on two cores, in minutes.
    pub minutes: u8,
    /// Whether the programs are linked statically, as an image without a libc needs them.
    pub is_static: bool,
}

/// The control plane and the node.
pub const KUBERNETES: Pins = Pins {
    folder: "kubernetes",
    programs: &[
        ("etcd", "go.etcd.io/etcd/server/v3"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        (
            "kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
        ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
        ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
        ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    ],
    minutes: 10,
    is_static: false,
};

/// Names for the pods.
pub const COREDNS: Pins = Pins {
    folder: "coredns",
    programs: &[("coredns", "github.com/coredns/coredns")],
    minutes: 4,
    is_static: true,
};

/// Commands that stories run.
pub const TOOLS: Pins = Pins {
    folder: "tools",
    programs: &[
        ("helm", "helm.sh/helm/v4/cmd/helm"),
        (
            "kubeconform",
            "github.com/yannh/kubeconform/cmd/kubeconform",
        ),
        ("nats", "github.com/nats-io/natscli/nats"),
    ],
    minutes: 3,
    is_static: true,
};

/// Argo CD: one program, which is whichever of its own that `ARGOCD_BINARY_NAME` names.
pub const ARGOCD: Pins = Pins {
    folder: "argocd",
    programs: &[("argocd", "github.com/argoproj/argo-cd/v3/cmd")],
    minutes: 5,
    is_static: true,
};

/// The controllers of Flux that bring manifests from Git into the cluster.
pub const FLUX: Pins = Pins {
    folder: "flux",
    programs: &[
        ("source-controller", "github.com/fluxcd/source-controller"),
        (
            "kustomize-controller",
            "github.com/fluxcd/kustomize-controller",
        ),
    ],
    minutes: 4,
    is_static: true,
};

/// The kinds of the Gateway API, without a program.
pub const GATEWAY: Pins = Pins {
    folder: "gateway",
    programs: &[],
    minutes: 0,
    is_static: true,
};

impl Pins {
    /// Where the pins are.
    pub fn module(&self) -> PathBuf {
        program::repository()
            .join("tools/kubernetes")
            .join(self.folder)
    }

    /// The folder in the cache that holds the programs once they are built.
    pub fn place(&self) -> anyhow::Result<PathBuf> {
        let mut text = String::new();
        for file in ["go.mod", "go.sum"] {
            let path = self.module().join(file);
            text += &std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
        Ok(cache::folder()?.join(format!("{}-{}", self.folder, cache::digest(&text))))
    }

    /// One of the programs. An error if it is not built yet.
    pub fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.place()?.join(name);
        anyhow::ensure!(
            path.is_file(),
            "{name} is not built: run `cargo xtask setup`"
        );
        Ok(path)
    }

    /// The source of a Go module at the pinned version, for what is in it beside the programs.
    pub fn source(&self, module: &str) -> anyhow::Result<PathBuf> {
        let mut command = Command::new("go");
        command
            .args(["mod", "download", "-json", module])
            .current_dir(self.module());
        let answer: Value = serde_json::from_str(&output(&mut command)?)?;
        answer["Dir"]
            .as_str()
            .map(PathBuf::from)
            .with_context(|| format!("go names no folder of {module}"))
    }

    /// The version of a Go module, as `go.mod` pins it: `v1.36.3`.
    pub fn version(&self, module: &str) -> anyhow::Result<String> {
        let text = std::fs::read_to_string(self.module().join("go.mod"))?;
        text.lines()
            .filter_map(|line| line.trim().trim_start_matches("require ").split_once(' '))
            .find(|(name, _)| *name == module)
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .map(str::to_owned)
            .with_context(|| format!("tools/kubernetes/{} names no {module}", self.folder))
    }
}
