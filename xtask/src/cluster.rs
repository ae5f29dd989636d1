//! The one-node cluster, by hand.

use clap::Subcommand;
use vrsky_e2e::cluster::{Cluster, KUBECONFIG, programs::KUBERNETES};

use crate::setup;

/// What to do with it.
#[derive(Debug, Subcommand)]
pub(crate) enum Choice {
    /// Bring it up, and say how to use it. What is up already stays.
    Up,
    /// End it, with everything in it.
    Down,
    /// What of it runs.
    Status,
}

/// Does what was chosen.
pub(crate) fn run(choice: &Choice) -> anyhow::Result<()> {
    // The cluster that we speak of here is ours in any case.
    anyhow::ensure!(
        std::env::var_os(KUBECONFIG).is_none(),
        "{KUBECONFIG} names another cluster: unset it to use ours"
    );
    match choice {
        Choice::Up => up(),
        Choice::Down => Cluster::down(),
        Choice::Status => status(),
    }
}

fn up() -> anyhow::Result<()> {
    setup::cluster()?;
    let cluster = Cluster::up()?;
    let programs = KUBERNETES.place()?;
    println!("the cluster is up. To use it:");
    println!(
        "  export KUBECONFIG={}",
        cluster.kubectl().kubeconfig().display()
    );
    println!("  export PATH={}:$PATH", programs.display());
    println!("  kubectl get pods -A");
    println!("images: cargo xtask image --load; the end: cargo xtask cluster down");
    Ok(())
}

fn status() -> anyhow::Result<()> {
    let programs = Cluster::programs()?;
    for (name, pid) in &programs {
        println!("{name:<24} {pid}");
    }
    let cluster = Cluster::running()?;
    print!("{}", cluster.kubectl().run(&["get", "nodes,pods", "-A"])?);
    println!("\nkubeconfig: {}", cluster.kubectl().kubeconfig().display());
    Ok(())
}
