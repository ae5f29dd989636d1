//! The network of the one-node cluster, all of it on this machine.

use std::process::Command;

use anyhow::Context as _;

use super::command::output;

/// The node. An address on a bridge of its own: pods must reach the API server by one that is not
/// loopback.
pub(super) const NODE: &str = "10.244.0.1";
/// Pods.
pub(super) const PODS: &str = "10.244.1.0/24";
/// Services, and the first two of them.
pub(super) const SERVICES: &str = "10.96.0.0/16";
pub(super) const API_SERVICE: &str = "10.96.0.1";
pub(super) const DNS_SERVICE: &str = "10.96.0.10";
/// The bridge that pods hang on.
pub(super) const POD_BRIDGE: &str = "vrsky-pods";

const NODE_BRIDGE: &str = "vrsky-node";
/// Everything that belongs to the cluster: nodes and pods.
const CLUSTER: &str = "10.244.0.0/16";

/// Makes the node's address and the routes; lets pods talk to each other and to this machine, and to
/// nobody else.
pub(super) fn up() -> anyhow::Result<()> {
    ip(&["link", "add", NODE_BRIDGE, "type", "bridge"])
        .context("is another cluster up on this machine?")?;
    ip(&["address", "add", &format!("{NODE}/32"), "dev", NODE_BRIDGE])?;
    ip(&["link", "set", NODE_BRIDGE, "up"])?;
    // Cluster addresses never leave this machine, whether or not anything answers there.
    for range in [SERVICES, CLUSTER] {
        ip(&["route", "replace", range, "dev", NODE_BRIDGE])?;
    }
    nft(&format!(
        "table inet vrsky-cluster {{\nchain forward {{\ntype filter hook forward priority filter\n\
         iifname \"{POD_BRIDGE}\" oifname != \"{POD_BRIDGE}\" drop\n}}\n}}"
    ))?;
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    Ok(())
}

/// Removes what [`up`] and the node's programs made. What is not there is no error.
pub(super) fn down() {
    for bridge in [POD_BRIDGE, NODE_BRIDGE] {
        let _missing = ip(&["link", "delete", bridge]);
    }
    for table in ["inet vrsky-cluster", "ip kube-proxy", "ip6 kube-proxy"] {
        let _missing = nft(&format!("delete table {table}"));
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    output(Command::new("ip").args(arguments)).map(drop)
}

fn nft(rules: &str) -> anyhow::Result<()> {
    output(Command::new("nft").arg(rules)).map(drop)
}
