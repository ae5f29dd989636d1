//! `vrsky init`: an empty folder becomes a working repository.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::arguments;
use crate::output::{BOLD, Exit, GOOD, Screen};
use crate::safe;

/// What is written, and where.
const FILES: [(&str, &str); 5] = [
    ("vrsky.toml", include_str!("../../templates/vrsky.toml")),
    (".gitignore", include_str!("../../templates/gitignore")),
    ("README.md", include_str!("../../templates/README.md")),
    (
        "tenants/acme.yaml",
        include_str!("../../templates/tenant.yaml"),
    ),
    (
        "flows/orders.yaml",
        include_str!("../../templates/orders.yaml"),
    ),
];

pub(super) fn run(arguments: &arguments::Init, screen: Screen) -> anyhow::Result<Exit> {
    let root = &arguments.path;
    let shown = safe::line(&root.display().to_string());
    for (name, _) in FILES {
        anyhow::ensure!(
            !root.join(name).exists(),
            "{shown}/{name} exists already; `vrsky init` overwrites nothing. Next: `vrsky check {shown}`, or `vrsky init` in an empty folder"
        );
    }
    for (name, text) in FILES {
        write_new(&root.join(name), text)?;
    }
    if screen.is_document() {
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        screen.document(&serde_json::json!({"written": names}))?;
        return Ok(Exit::Fine);
    }
    let enter = if shown == "." {
        String::new()
    } else {
        format!("cd {shown} && ")
    };
    for (name, _) in FILES {
        screen.say(&format!("{GOOD}wrote{GOOD:#} {name}"));
    }
    screen.say(&format!(
        "\nnext: {BOLD}{enter}vrsky check && vrsky dev .{BOLD:#}"
    ));
    Ok(Exit::Fine)
}

/// Writes a file that must not exist, and the folders above it.
pub(super) fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let writing = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(writing)?;
    }
    fs::File::create_new(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(writing)
}
