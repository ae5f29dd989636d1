//! Container images of the product, as tar files in `target/images/`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use vrsky_e2e::cluster::{Cluster, KUBECONFIG};
use vrsky_e2e::image::{self, Image};

use crate::setup;
use crate::step::{self, cargo};

/// What an image holds.
struct Row {
    image: &'static str,
    program: Program,
    /// Whether it speaks TLS with the world.
    with_authorities: bool,
}

enum Program {
    /// A package of ours, whose binary has its name.
    Ours(&'static str),
    /// The pinned nats-server, for evaluation.
    NatsServer,
}

/// One row per image.
const IMAGES: [Row; 3] = [
    Row {
        image: "vrsky-operator",
        program: Program::Ours("vrsky-operator"),
        with_authorities: true,
    },
    Row {
        image: "vrsky-runtime",
        program: Program::Ours("vrsky-runtime"),
        with_authorities: true,
    },
    Row {
        image: "nats-server",
        program: Program::NatsServer,
        with_authorities: false,
    },
];

/// How to build them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Cargo's profile.
    #[arg(long, default_value = "release")]
    profile: String,
    /// What stands before each image's name.
    #[arg(long, default_value = "localhost")]
    registry: String,
    /// What stands behind it.
    #[arg(long, default_value = "dev")]
    tag: String,
    /// Pack what `cargo build` made last, as the stories do, instead of compiling.
    #[arg(long, conflicts_with = "profile")]
    built: bool,
    /// Load them into the cluster of `cargo xtask cluster up`.
    #[arg(long)]
    load: bool,
}

/// Builds all images; loads them, if asked.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.load {
        anyhow::ensure!(
            std::env::var_os(KUBECONFIG).is_none(),
            "--load is for our own cluster. To the one that {KUBECONFIG} names, take the files by its own \
             means, such as `kind load image-archive FILE`"
        );
        // Before the long part.
        Cluster::running()?;
    }
    let files = if arguments.built {
        build_for_tests()?
    } else {
        build(&arguments.profile, &arguments.registry, &arguments.tag)?
    };
    if arguments.load {
        load(&files)?;
    }
    Ok(())
}

/// What the stories run: the binaries that the tests were built with, under the names that the tests
/// know.
pub(crate) fn build_for_tests() -> anyhow::Result<Vec<PathBuf>> {
    let target = target()?;
    pack(&target, &target.join("debug"), "localhost", "dev")
}

/// Loads images into the cluster that runs.
pub(crate) fn load(files: &[PathBuf]) -> anyhow::Result<()> {
    let cluster = Cluster::running()?;
    files.iter().try_for_each(|file| cluster.load(file))
}

fn build(profile: &str, registry: &str, tag: &str) -> anyhow::Result<Vec<PathBuf>> {
    let target = target()?;
    let programs = compile(&target, profile)?;
    for row in &IMAGES {
        if let Program::Ours(package) = row.program {
            let program = programs.join(package);
            anyhow::ensure!(
                image::is_static(&program)?,
                "{} is linked dynamically: do RUSTFLAGS or a config of cargo say so?",
                program.display()
            );
        }
    }
    pack(&target, &programs, registry, tag)
}

/// Packs the programs of a folder.
fn pack(target: &Path, programs: &Path, registry: &str, tag: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for row in &IMAGES {
        let program = match row.program {
            Program::Ours(package) => programs.join(package),
            Program::NatsServer => setup::pinned_nats_server()?,
        };
        let name = format!("{registry}/{}:{tag}", row.image);
        let mut image = Image::of(&name, &program)?;
        if row.with_authorities {
            image = image.with_authorities()?;
        }
        let file = target.join("images").join(format!("{}.tar", row.image));
        image.write(&file)?;
        let size = std::fs::metadata(&file)?.len() >> 20;
        println!("{name} ({size} MiB) in {}", file.display());
        files.push(file);
    }
    Ok(files)
}

/// Compiles our packages, linked statically with glibc; the folder that they are in. With a target,
/// since without one the flag would be for build scripts and macros too, which cannot follow it.
fn compile(target: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    flags += " -C target-feature=+crt-static";
    let mut command = cargo(&[
        "build",
        "--quiet",
        "--profile",
        profile,
        "--target",
        &triple,
    ]);
    for row in &IMAGES {
        if let Program::Ours(package) = row.program {
            command.args(["-p", package]);
        }
    }
    step::run(command.env("RUSTFLAGS", flags.trim()))?;
    // Cargo's one exception: the profile `dev` has its output in `debug`.
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target.join(triple).join(folder))
}

/// Cargo's target folder.
fn target() -> anyhow::Result<PathBuf> {
    let text = step::output(&mut cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str();
    Ok(folder.context("cargo names no target folder")?.into())
}
