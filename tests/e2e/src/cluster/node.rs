//! Level two: the programs of the one node, and their configuration.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::command::output;
use super::daemon;
use super::network::{self, API_SERVICE, DNS_SERVICE, NODE, POD_BRIDGE, PODS, SERVICES};
use super::plane::Plane;
use super::programs::COREDNS;
use crate::image::Image;
use crate::process;

/// Every status that is written to an object of ours, with the object as it was answered.
const AUDIT: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: RequestResponse, verbs: [update, patch], resources: [{group: vrsky.io, resources: ['*/status']}]}
- {level: None}
";

/// What stands around containerd.
const PROGRAMS: [&str; 6] = [
    "kubelet",
    "kube-proxy",
    "kube-scheduler",
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
];
const CONTAINERD: &str = "containerd";

/// How long a part of the node may take to be ready, on a busy machine.
const START: Duration = Duration::from_mins(1);

const PAUSE: &str = include_str!("pause.c");
const COREDNS_MANIFESTS: &str = include_str!("coredns.yaml");

/// The control plane of the cluster in `folder`.
pub(super) fn plane(folder: &Path) -> Plane {
    Plane {
        folder: folder.to_owned(),
        address: NODE.to_owned(),
        port: 6443,
        services: SERVICES,
        arguments: vec![
            "--authorization-mode=Node,RBAC".to_owned(),
            format!(
                "--audit-policy-file={}",
                folder.join("audit.yaml").display()
            ),
            format!("--audit-log-path={}", audit(folder).display()),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            // The node's name is not in any DNS.
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            format!(
                "--kubelet-client-certificate={}",
                folder.join("api-kubelet.crt").display()
            ),
            format!(
                "--kubelet-client-key={}",
                folder.join("api-kubelet.key").display()
            ),
        ],
        outlives_terminal: true,
    }
}

/// Where the API server writes every status down.
pub(super) fn audit(folder: &Path) -> PathBuf {
    folder.join("audit.log")
}

/// Starts everything; the node is ready and has names when it returns.
pub(super) fn up(folder: &Path) -> anyhow::Result<()> {
    let plane = plane(folder);
    // First of all: by it `down` knows that there may be something to end.
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("audit.yaml"), AUDIT)?;
    network::up()?;
    let kubectl = plane.start(&[API_SERVICE])?;
    plane.start_controllers(&[])?;
    plane.run(
        "kube-scheduler",
        &[
            format!("--kubeconfig={}", plane.kubeconfig("scheduler").display()),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
        ],
    )?;
    start_containerd(&plane)?;
    load_images(folder)?;
    start_kubelet(&plane)?;
    start_proxy(&plane)?;
    kubectl.apply(&COREDNS_MANIFESTS.replace("DNS_SERVICE", DNS_SERVICE))?;
    kubectl.wait(&["--for=create", "node/node-1"], START)?;
    kubectl.wait(&["--for=condition=Ready", "node/node-1"], START)?;
    let names = [
        "-n",
        "kube-system",
        "--for=condition=Available",
        "deployment/coredns",
    ];
    kubectl.wait(&names, START)
}

/// Sends a container's process a signal: `SIGKILL`. `container` is its id as Kubernetes writes it,
/// `containerd://<id>`.
pub(super) fn signal(folder: &Path, container: &str, signal: &str) -> anyhow::Result<()> {
    let id = container.trim_start_matches("containerd://");
    output(ctr(folder).args(["tasks", "kill", "--signal", signal, id])).map(drop)
}

/// Imports an image from a tar file.
pub(super) fn load(folder: &Path, image: &Path) -> anyhow::Result<()> {
    output(ctr(folder).args(["images", "import"]).arg(image))
        .map(drop)
        .with_context(|| format!("cannot load {}", image.display()))
}

/// Gives an image a further name.
pub(super) fn tag(folder: &Path, image: &str, name: &str) -> anyhow::Result<()> {
    output(ctr(folder).args(["images", "tag", "--force", image, name])).map(drop)
}

/// Ends everything that was started in `folder`, whoever started it, by the pids written down there;
/// then the folder goes.
pub(super) fn down(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    // As a crash would: their state is thrown away. Nothing makes pods anew while pods are ended.
    for name in PROGRAMS {
        daemon::kill(folder, name)?;
    }
    end_pods(folder)?;
    daemon::stop(folder, CONTAINERD)?;
    network::down();
    unmount(folder)?;
    std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// What runs, with pids.
pub(super) fn running(folder: &Path) -> Vec<(&'static str, u32)> {
    PROGRAMS
        .into_iter()
        .chain([CONTAINERD])
        .filter_map(|name| Some((name, daemon::pid(folder, name)?)))
        .collect()
}

fn start_containerd(plane: &Plane) -> anyhow::Result<()> {
    let folder = &plane.folder;
    let here = folder.display();
    let network = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [{
        "type": "bridge", "bridge": POD_BRIDGE, "isGateway": true, "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": PODS}]],
            "dataDir": folder.join("addresses"),
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }]});
    std::fs::create_dir_all(folder.join("cni"))?;
    std::fs::write(folder.join("cni/10-pods.conflist"), network.to_string())?;
    // restrict_oom_score_adj: the machine may lack CAP_SYS_RESOURCE. netns_mounts_under_state_dir: so
    // that `down` finds them.
    let config = format!(
        r#"version = 2
root = "{here}/containerd/root"
state = "{here}/containerd/state"
[grpc]
  address = "{here}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{}"
    conf_dir = "{here}/cni"
"#,
        network_programs()?.display()
    );
    let file = folder.join("containerd.toml");
    std::fs::write(&file, config)?;
    plane.launch(
        CONTAINERD,
        Command::new("containerd").arg("--config").arg(&file),
    )?;
    daemon::wait_ready(folder, CONTAINERD, START, || {
        output(ctr(folder).arg("version")).is_ok()
    })
}

/// Where distributions keep the programs that join a pod to a network.
fn network_programs() -> anyhow::Result<PathBuf> {
    ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"]
        .into_iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("bridge").is_file())
        .context("the CNI plugin `bridge` is not installed: run `cargo xtask setup`")
}

/// The images that the node itself needs.
fn load_images(folder: &Path) -> anyhow::Result<()> {
    let images = folder.join("images");
    std::fs::create_dir_all(&images)?;
    let source = images.join("pause.c");
    let pause = images.join("pause");
    std::fs::write(&source, PAUSE)?;
    output(
        Command::new("cc")
            .args(["-static", "-O2", "-o"])
            .arg(&pause)
            .arg(&source),
    )?;
    for (name, program) in [
        ("localhost/pause:1", pause),
        ("localhost/coredns:1", COREDNS.program("coredns")?),
    ] {
        let file = images.join("image.tar");
        Image::of(name, &program)?.write(&file)?;
        load(folder, &file)?;
    }
    Ok(())
}

fn start_kubelet(plane: &Plane) -> anyhow::Result<()> {
    let folder = &plane.folder;
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": false},
            "x509": {"clientCAFile": folder.join("ca.crt")},
        },
        // To whom the authority gave a certificate: the API server.
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{}/containerd.sock", folder.display()),
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "podLogsDir": folder.join("pods"),
        "maxPods": 250,
        // For machines with cgroup v1, with swap, and without CAP_SYS_RESOURCE.
        "failCgroupV1": false,
        "failSwapOn": false,
        "oomScoreAdj": 0,
        // Rules for host ports, which nothing uses, that would stay behind.
        "makeIPTablesUtilChains": false,
        // Images that were loaded stay, and pods too, however full the developer's disk is.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
    });
    let file = write(folder, "kubelet.json", &config)?;
    plane.run(
        "kubelet",
        &[
            format!("--config={}", file.display()),
            format!("--kubeconfig={}", plane.kubeconfig("kubelet").display()),
            format!("--root-dir={}", folder.join("kubelet").display()),
            format!("--cert-dir={}", folder.join("kubelet/pki").display()),
            "--hostname-override=node-1".to_owned(),
            format!("--node-ip={NODE}"),
        ],
    )
}

fn start_proxy(plane: &Plane) -> anyhow::Result<()> {
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": PODS,
        "clientConnection": {"kubeconfig": plane.kubeconfig("proxy")},
        "hostnameOverride": "node-1",
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        // They would set sysctls, which may be read-only.
        "conntrack": {"maxPerCore": 0, "min": 0},
    });
    let file = write(&plane.folder, "proxy.json", &config)?;
    plane.run("kube-proxy", &[format!("--config={}", file.display())])
}

fn write(folder: &Path, name: &str, config: &Value) -> anyhow::Result<PathBuf> {
    let file = folder.join(name);
    std::fs::write(&file, config.to_string())?;
    Ok(file)
}

fn ctr(folder: &Path) -> Command {
    let mut command = Command::new("ctr");
    command
        .arg("--address")
        .arg(folder.join("containerd.sock"))
        .args(["--namespace", "k8s.io"]);
    command
}

/// Ends all containers: through containerd, and where that is gone, by the shims that it left.
fn end_pods(folder: &Path) -> anyhow::Result<()> {
    if daemon::pid(folder, CONTAINERD).is_some() {
        for task in lines(ctr(folder).args(["tasks", "list", "--quiet"])) {
            let _gone = output(ctr(folder).args(["tasks", "delete", "--force", &task]));
        }
        for container in lines(ctr(folder).args(["containers", "list", "--quiet"])) {
            let _gone = output(ctr(folder).args(["containers", "delete", &container]));
        }
    }
    for shim in process::with_argument(&folder.join("containerd.sock").display().to_string()) {
        if process::name(shim).is_none_or(|name| !name.starts_with("containerd-shim")) {
            continue;
        }
        let pods = process::children(shim);
        for pid in std::iter::once(shim).chain(pods) {
            let _gone = process::kill(pid);
            anyhow::ensure!(
                process::wait_gone(pid, Duration::from_secs(5)),
                "process {pid} of a pod does not end"
            );
        }
    }
    Ok(())
}

fn lines(command: &mut Command) -> Vec<String> {
    let text = output(command).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Unmounts everything below the folder: a mount that stayed would be emptied with the folder.
fn unmount(folder: &Path) -> anyhow::Result<()> {
    for place in mounts(folder)?.into_iter().rev() {
        let _checked_below = output(Command::new("umount").arg("--lazy").arg(place));
    }
    let left = mounts(folder)?;
    anyhow::ensure!(left.is_empty(), "still mounted: {left:?}");
    Ok(())
}

/// What is mounted below a folder, outer before inner.
fn mounts(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let table = std::fs::read_to_string("/proc/mounts")?;
    Ok(table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(PathBuf::from)
        .filter(|place| place.starts_with(folder))
        .collect())
}
