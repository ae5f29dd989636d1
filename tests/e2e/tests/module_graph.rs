//! Data flows one way: the arrows between crates are those of `docs/architecture.md`, which names
//! every room that exists and none that does not.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use vrsky_e2e::program;

/// A crate's folder, and the folders of the crates that it uses, tests left out.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn arrows() -> Arrows {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(program::repository())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = metadata["workspace_root"].as_str().unwrap().to_owned();
    let room = |path: &str| {
        let folder = path.strip_prefix(&root).unwrap().trim_matches('/');
        folder
            .trim_end_matches("Cargo.toml")
            .trim_end_matches('/')
            .to_owned()
    };
    let mut arrows = Arrows::new();
    for package in metadata["packages"].as_array().unwrap() {
        let uses = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["kind"] != "dev")
            .filter_map(|it| it["path"].as_str())
            .map(room)
            .collect();
        arrows.insert(room(package["manifest_path"].as_str().unwrap()), uses);
    }
    arrows
}

/// The table "Rooms" of `docs/architecture.md`: folder, and what it may use (`None`: everything).
fn rooms() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let page = std::fs::read_to_string(program::repository().join("docs/architecture.md")).unwrap();
    let mut rooms = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let room = quoted(cells[1]).remove(0).trim_end_matches('/').to_owned();
        let allowed = (cells[3] != "everything").then(|| quoted(cells[3]).into_iter().collect());
        rooms.insert(room, allowed);
    }
    rooms
}

/// The words of a cell that stand in back quotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The table says `plan` where the folder is `compiler/plan`.
fn is_named(folder: &str, name: &str) -> bool {
    folder == name || folder == format!("compiler/{name}")
}

fn forbidden(arrows: &Arrows, rooms: &BTreeMap<String, Option<BTreeSet<String>>>) -> Vec<String> {
    let mut found = Vec::new();
    for (from, uses) in arrows {
        let Some(Some(allowed)) = rooms.get(from) else {
            continue;
        };
        for to in uses {
            if !allowed.iter().any(|name| is_named(to, name)) {
                found.push(format!("{from} -> {to}"));
            }
        }
    }
    found
}

#[test]
fn no_arrow_points_against_the_flow() {
    assert_eq!(forbidden(&arrows(), &rooms()), Vec::<String>::new());
}

#[test]
fn an_arrow_against_the_flow_would_be_seen() {
    let mut arrows = arrows();
    arrows
        .get_mut("runtime")
        .unwrap()
        .insert("compiler".to_owned());
    arrows
        .get_mut("compiler")
        .unwrap()
        .insert("broker".to_owned());
    assert_eq!(
        forbidden(&arrows, &rooms()),
        ["compiler -> broker", "runtime -> compiler"]
    );
}

#[test]
fn the_architecture_names_every_room_and_none_that_does_not_exist() {
    let exist: BTreeSet<String> = arrows().into_keys().collect();
    let named: BTreeSet<String> = rooms().into_keys().collect();
    assert_eq!(exist, named);
}

#[test]
fn rooms_without_a_crate_are_there_too() {
    let page = std::fs::read_to_string(program::repository().join("docs/architecture.md")).unwrap();
    for folder in ["charts", "deploy", "examples/flows", "tools"] {
        assert!(
            page.contains(&format!("`{folder}/`")),
            "the page does not name {folder}/"
        );
        assert!(
            program::repository().join(folder).is_dir(),
            "{folder}/ does not exist"
        );
    }
}
