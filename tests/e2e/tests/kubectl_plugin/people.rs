//! People at a terminal, and the API server that they ask.

use std::process::Command;

use tempfile::TempDir;
use vrsky_e2e::chart::{self, NAMESPACE};
use vrsky_e2e::cluster::programs::KUBERNETES;
use vrsky_e2e::cluster::{Api, Kubectl};
use vrsky_e2e::{eventually, program};

/// What a command ended with: its code, standard output, standard error.
pub type End = (i32, String, String);

/// A person at a terminal with kubectl, the plugin, and a kubeconfig.
pub struct Person {
    kubectl: Kubectl,
    plugins: TempDir,
}

impl Person {
    pub fn new(kubectl: Kubectl) -> Self {
        let plugins = tempfile::tempdir().unwrap();
        let plugin = plugins.path().join("kubectl-vrsky");
        std::os::unix::fs::symlink(program::vrsky().unwrap(), plugin).unwrap();
        Self { kubectl, plugins }
    }

    /// Runs `kubectl vrsky <arguments>`.
    pub fn run(&self, arguments: &[&str]) -> End {
        let path = std::env::var_os("PATH").unwrap();
        let path =
            std::iter::once(self.plugins.path().to_owned()).chain(std::env::split_paths(&path));
        let output = Command::new(KUBERNETES.program("kubectl").unwrap())
            .arg("vrsky")
            .args(arguments)
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("KUBECONFIG", self.kubectl.kubeconfig())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    }
}

/// The kinds, the chart's roles for tenants, a namespace, and `person` with one of the usual roles.
pub fn furnish(kubectl: &Kubectl, person: &str, role: &str) -> Person {
    let user = kubectl.as_person(person, role, "acme").unwrap();
    eventually("the role reaches our kinds", || {
        user.run(&["get", "flows", "-n", "acme"]).is_ok()
    });
    Person::new(user)
}

pub fn api() -> Api {
    let api = Api::with_controllers().unwrap();
    let kubectl = api.kubectl();
    chart::apply_kinds(kubectl).unwrap();
    let manifest = chart::render("vrsky", &[]).unwrap();
    for document in chart::documents(&manifest).unwrap() {
        if document["kind"] == "ClusterRole" {
            kubectl.apply(&document.to_string()).unwrap();
        }
    }
    kubectl.run(&["create", "namespace", "acme"]).unwrap();
    kubectl.run(&["create", "namespace", NAMESPACE]).unwrap();
    api
}
