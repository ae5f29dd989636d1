//! `vrsky check` of a platform: 1,000 tenants with 10 flows each.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use vrsky_e2e::{Folder, process};

use super::page;
use crate::step;

/// How much to compile.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Tenants.
    #[arg(long, default_value_t = 1_000)]
    tenants: u32,
    /// Flows of each.
    #[arg(long, default_value_t = 10)]
    flows: u32,
    /// How often.
    #[arg(long, default_value_t = 5)]
    runs: u32,
}

struct Run {
    cpu: f64,
    wall: Duration,
    memory: u64,
}

/// Generates, builds, measures.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!("building vrsky, optimised");
    step::build_optimised(&["vrsky", "vrsky-runtime"])?;
    let binary = release("vrsky")?;
    let folder = Folder::empty()?;
    generate(&folder, arguments)?;
    let documents = arguments.tenants * (2 + arguments.flows);
    let expressions = arguments.tenants * arguments.flows * 3;
    let mut runs = Vec::new();
    for number in 1..=arguments.runs.max(1) {
        let run = check(&binary, folder.path())?;
        println!(
            "  run {number}: {:.2} CPU-s, {:.2} s, {} MB",
            run.cpu,
            run.wall.as_secs_f64(),
            run.memory >> 20
        );
        runs.push(run);
    }
    let table = format!(
        "`vrsky check` of {} tenants × {} flows: {documents} documents in as many files, {expressions} expressions; \
         median (least–most) of {} runs.\n\n\
         | CPU-seconds | wall seconds | peak RSS |\n|---:|---:|---:|\n| {} | {} | {} MB |\n\n{}. Repeat: `cargo xtask bench compile`.",
        arguments.tenants,
        arguments.flows,
        runs.len(),
        spread(runs.iter().map(|run| run.cpu)),
        spread(runs.iter().map(|run| run.wall.as_secs_f64())),
        runs.iter()
            .map(|run| run.memory >> 20)
            .max()
            .unwrap_or_default(),
        page::machine()
    );
    println!("\n{table}");
    page::write("compile", &table)
}

/// A binary of the release build that belongs to the running xtask.
pub(crate) fn release(name: &str) -> anyhow::Result<std::path::PathBuf> {
    let this = std::env::current_exe()?;
    let target = this
        .parent()
        .and_then(Path::parent)
        .context("xtask lies in a target folder")?;
    let binary = target.join("release").join(name);
    anyhow::ensure!(binary.is_file(), "{} was not built", binary.display());
    Ok(binary)
}

/// Median, least and most.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (values.first(), values.last()) else {
        return "–".to_owned();
    };
    let middle = values.len() / 2;
    let median = f64::midpoint(values[middle], values[(values.len() - 1) / 2]);
    format!("{median:.2} ({least:.2}–{most:.2})")
}

fn check(binary: &Path, folder: &Path) -> anyhow::Result<Run> {
    let began = Instant::now();
    let mut child = Command::new(binary)
        .arg("check")
        .arg(folder)
        .args(["--output", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut memory = 0;
    // A process that has ended and was not waited for still shows its CPU time.
    while process::is_alive(child.id()) {
        memory = process::peak_memory(child.id())
            .unwrap_or(memory)
            .max(memory);
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall = began.elapsed();
    let cpu = process::cpu_seconds(child.id())?;
    let status = child.wait()?;
    anyhow::ensure!(
        status.success(),
        "vrsky check of {} ended with {status}",
        folder.display()
    );
    Ok(Run { cpu, wall, memory })
}

fn generate(folder: &Folder, arguments: &Arguments) -> anyhow::Result<()> {
    let names: Vec<String> = (0..arguments.tenants)
        .map(|it| format!("\"t{it:04}\""))
        .collect();
    folder.write("vrsky.toml", &format!("tenants = [{}]\n", names.join(", ")))?;
    for tenant in 0..arguments.tenants {
        let name = format!("t{tenant:04}");
        folder.write(&format!("{name}/tenant.yaml"), &format!(
            "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {{name: {name}}}\nspec: {{namespaces: [{name}]}}\n"
        ))?;
        folder.write(&format!("{name}/topic.yaml"), &format!(
            "apiVersion: vrsky.io/v1alpha1\nkind: Topic\nmetadata: {{name: orders, namespace: {name}}}\nspec:\n  contract: {{fields: {{id: string, total: number, country: string}}}}\n"
        ))?;
        for flow in 0..arguments.flows {
            folder.write(&format!("{name}/flow-{flow}.yaml"), &manifest(&name, flow))?;
        }
    }
    Ok(())
}

/// Every flow its own expressions, or a cache would answer for the compiler.
fn manifest(tenant: &str, flow: u32) -> String {
    format!(
        "apiVersion: vrsky.io/v1alpha1
kind: Flow
metadata: {{name: flow-{flow}, namespace: {tenant}}}
spec:
  source:
    connector: webhook
    with: {{path: /in-{flow}}}
    contract:
      schema:
        type: object
        required: [id, status, country, total_price]
        properties:
          id: {{type: string}}
          status: {{type: string}}
          country: {{type: string}}
          total_price: {{type: string}}
  steps:
    - filter: .status == \"paid\" && .country != \"{tenant}-{flow}\"
    - name: shape
      map: |
        . = {{\"id\": .id + \"-{tenant}-{flow}\", \"total\": to_float!(.total_price), \"country\": upcase(.country)}}
  sinks:
    shared:
      topic: orders
    erp:
      when: .total > {flow}.5
      connector: http
      with: {{url: \"https://erp.example/{tenant}\"}}
"
    )
}
