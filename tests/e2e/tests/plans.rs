//! Every example compiles without a finding, to the plan that lies in `snapshots/`.
//! `UPDATE=1` rewrites them.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::path::PathBuf;
use std::process::Command;

use vrsky_e2e::program;

fn examples() -> Vec<PathBuf> {
    let folder = program::repository().join("examples/flows");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn vrsky(arguments: &[&str], folder: &std::path::Path) -> std::process::Output {
    Command::new(program::vrsky().unwrap())
        .args(arguments)
        .arg(".")
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn there_are_eight_examples_each_with_a_readme() {
    let examples = examples();
    assert_eq!(examples.len(), 8, "{examples:?}");
    for example in examples {
        assert!(
            example.join("README.md").is_file(),
            "{} has no README.md",
            example.display()
        );
        assert!(
            example.join("vrsky.toml").is_file(),
            "{} has no vrsky.toml",
            example.display()
        );
    }
}

#[test]
fn every_example_compiles_without_a_finding() {
    for example in examples() {
        let output = vrsky(
            &[
                "check",
                "--output",
                "json",
                "--deny",
                "warnings,unverifiable",
            ],
            &example,
        );
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}", example.display());
        let findings: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            findings["diagnostics"],
            serde_json::json!([]),
            "{}",
            example.display()
        );
    }
}

#[test]
fn every_example_becomes_the_plan_that_was_agreed() {
    let snapshots = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    let is_update = std::env::var_os("UPDATE").is_some_and(|it| it == "1");
    let mut names = Vec::new();
    for example in examples() {
        let output = vrsky(&["plan", "--output", "json"], &example);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = format!("{}\n", serde_json::to_string_pretty(&plan).unwrap());
        let name = format!("{}.json", example.file_name().unwrap().to_str().unwrap());
        let file = snapshots.join(&name);
        if is_update {
            std::fs::write(&file, &text).unwrap();
        }
        let agreed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            agreed == text,
            "the plan of {} changed; look at it with `UPDATE=1 cargo test -p vrsky-e2e --test plans && git diff tests/e2e/snapshots`\n{}",
            example.display(),
            first_difference(&agreed, &text)
        );
        names.push(name);
    }
    let mut found: Vec<String> = std::fs::read_dir(snapshots)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(
        found, names,
        "a snapshot without an example, or the reverse"
    );
}

fn first_difference(agreed: &str, now: &str) -> String {
    let mut lines = agreed.lines().zip(now.lines()).enumerate();
    lines.find(|(_, (one, other))| one != other).map_or_else(
        || "one is longer".to_owned(),
        |(number, (one, other))| format!("line {}:\n- {one}\n+ {other}", number + 1),
    )
}
