//! `docs/benchmarks.md`: one section per benchmark, each between two marks.

use anyhow::Context as _;
use vrsky_e2e::program;

use crate::step;

/// Puts a section in place of the one with the same name.
pub(crate) fn write(section: &str, text: &str) -> anyhow::Result<()> {
    let path = program::repository().join("docs/benchmarks.md");
    let page = std::fs::read_to_string(&path).context("docs/benchmarks.md is missing")?;
    let (open, close) = (
        format!("<!-- {section} -->"),
        format!("<!-- /{section} -->"),
    );
    let start = page
        .find(&open)
        .with_context(|| format!("docs/benchmarks.md has no {open}"))?;
    let end = page
        .find(&close)
        .with_context(|| format!("docs/benchmarks.md has no {close}"))?;
    let head = &page[..start + open.len()];
    let tail = &page[end..];
    std::fs::write(&path, format!("{head}\n{}\n{tail}", text.trim()))?;
    println!("\nwritten to docs/benchmarks.md");
    Ok(())
}

/// The machine and the versions, one line.
pub(crate) fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split(':').nth(1)?.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown processor".to_owned());
    let commit = step::output(
        std::process::Command::new("git")
            .args(["rev-parse", "--short", "HEAD"])
            .current_dir(program::repository()),
    )
    .unwrap_or_default();
    format!("{cpus} cores of {model}; commit {}", commit.trim())
}
