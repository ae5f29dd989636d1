//! The binary as people call it, without a server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A binary with nothing in its environment that could change its words.
fn vrsky(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrsky"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    read(&vrsky(folder, arguments).output().unwrap())
}

fn read(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn initialised() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["init"]).0, 0);
    folder
}

#[test]
fn an_empty_folder_becomes_a_repository_that_compiles() {
    let folder = initialised();
    let (code, out, err) = run(folder.path(), &["check", "--deny", "warnings"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("1 flow of 1 tenant proved"), "{out}");
    let ignored = fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == ".vrsky/"));
}

#[test]
fn init_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("README.md"), "mine").unwrap();
    let (code, _, err) = run(folder.path(), &["init"]);
    assert_eq!(code, 2);
    assert!(err.contains("README.md exists already"), "{err}");
    assert_eq!(
        fs::read_to_string(folder.path().join("README.md")).unwrap(),
        "mine"
    );
    assert!(!folder.path().join("vrsky.toml").exists());
}

#[test]
fn every_new_flow_compiles() {
    let folder = initialised();
    for source in ["webhook", "schedule", "generate", "file", "topic"] {
        for sink in ["http", "file", "log", "topic"] {
            let name = format!("{source}-{sink}");
            let arguments = ["new", "flow", &name, "--source", source, "--sink", sink];
            let (code, _, err) = run(folder.path(), &arguments);
            assert_eq!(code, 0, "{err}");
        }
    }
    let (code, out, err) = run(folder.path(), &["check"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let (code, _, err) = run(folder.path(), &["new", "flow", "webhook-log"]);
    assert_eq!(code, 2, "a manifest was overwritten");
    assert!(err.contains("webhook-log.yaml"), "{err}");
    let (code, _, err) = run(folder.path(), &["new", "flow", "x", "--tenant", "acne"]);
    assert_eq!(code, 2);
    assert!(err.contains("there are: acme"), "{err}");
}

#[test]
fn a_mistake_is_drawn_with_file_and_line_and_the_next_command() {
    let folder = initialised();
    let flow = folder.path().join("flows/orders.yaml");
    let text = fs::read_to_string(&flow).unwrap();
    fs::write(&flow, text.replace(".status == ", ".statis == ")).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.contains(".status =="))
        .unwrap();
    let (code, out, _) = run(folder.path(), &["check"]);
    assert_eq!(code, 1);
    assert!(out.contains(&format!("flows/orders.yaml:{line}:")), "{out}");
    assert!(out.contains("error[VRS"), "{out}");
    assert!(out.contains("next: vrsky explain VRS"), "{out}");

    let (code, out, _) = run(folder.path(), &["check", "--output", "json"]);
    assert_eq!(code, 1);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["errors"], 1);
    let primary = &found["diagnostics"][0]["primary"];
    assert_eq!(primary["line"], line);
    assert_eq!(primary["origin"], "flows/orders.yaml");
    assert_eq!(found["diagnostics"][0]["severity"], "error");

    let code = found["diagnostics"][0]["code"]
        .as_str()
        .unwrap()
        .to_lowercase();
    let (status, page, _) = run(folder.path(), &["explain", &code]);
    assert_eq!(status, 0);
    assert!(page.len() > 100, "{page}");
}

#[test]
fn the_plan_is_a_tree_for_people_and_itself_for_programs() {
    let folder = initialised();
    let (code, out, err) = run(folder.path(), &["plan"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for part in [
        "tenant acme",
        "flow acme/orders",
        "webhook /acme/orders",
        "at least once",
        "└─ ",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let (code, out, _) = run(folder.path(), &["plan", "--output", "json"]);
    assert_eq!(code, 0);
    let plan: vrsky_plan::Plan = serde_json::from_str(&out).unwrap();
    assert_eq!(plan.tenants.len(), 1);
    let (_, again, _) = run(folder.path(), &["plan", "--output", "json"]);
    assert_eq!(out, again);
}

#[test]
fn usage_and_environment_are_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["check", "--no-such-option"][..],
        &["check", "no-such-file.yaml"],
        &["explain", "VRS9999"],
        &["dev", "no-such-folder"],
        &["dlq", "ls"],
        &["dlq", "show", "acme", "1"],
        &[],
    ] {
        let (code, out, err) = run(folder.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {out}{err}");
        assert!(!err.is_empty(), "{arguments:?} said nothing");
    }
}

#[test]
fn rendered_manifests_come_over_standard_input() {
    let folder = initialised();
    let mut rendered = fs::read_to_string(folder.path().join("tenants/acme.yaml")).unwrap();
    rendered.push_str("---\n");
    rendered.push_str(&fs::read_to_string(folder.path().join("flows/orders.yaml")).unwrap());
    let mut child = vrsky(folder.path(), &["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(rendered.as_bytes())
        .unwrap();
    let (code, out, err) = read(&child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("1 flow of 1 tenant proved"), "{out}");
}

#[test]
fn nothing_in_a_manifest_acts_on_a_terminal_or_a_ci_log() {
    let folder = initialised();
    let hostile = "\u{202e}\u{200b}\u{9b}31m";
    fs::write(
        folder.path().join("flows/hostile.yaml"),
        format!(
            "apiVersion: vrsky.io/v1alpha1\nkind: Flow\nmetadata: {{name: \"bad{hostile}\\e[2J\", namespace: acme}}\nspec:\n  source: {{connector: \"\\n::error file=x::owned\\e]0;t\\a\"}}\n  steps:\n    - filter: |\n        ::set-output name=x::y {hostile}\n    - filter: \"##[add-mask]x\"\n  sinks: {{log: {{connector: log}}}}\n  # {hostile} ::warning::\n::stop-commands::x: y\n"
        ),
    )
    .unwrap();
    for command in ["check", "plan"] {
        for color in ["always", "never"] {
            let (_, out, err) = run(folder.path(), &[command, "--color", color]);
            for text in [&out, &err] {
                assert_is_safe(text);
            }
            assert!(color == "always" || !(out.contains('\u{1b}') || err.contains('\u{1b}')));
        }
    }
}

/// Only styles (`ESC [ … m`) and shown characters; no line that GitHub Actions would obey.
fn assert_is_safe(text: &str) {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        let style = rest[at..]
            .strip_prefix("\u{1b}[")
            .unwrap_or_else(|| panic!("{rest:?}"));
        let end = style.find('m').unwrap_or_else(|| panic!("{rest:?}"));
        assert!(
            style[..end]
                .bytes()
                .all(|it| it.is_ascii_digit() || it == b';'),
            "{rest:?}"
        );
        rest = &style[end + 1..];
    }
    plain.push_str(rest);
    for character in plain.chars() {
        let acts = (character.is_control() && character != '\n' && character != '\t')
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!acts, "{character:?} in {plain:?}");
    }
    for line in plain.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line:?}");
        assert!(!line.contains("##["), "{line:?}");
    }
}

#[test]
fn colours_come_only_where_they_are_asked_for() {
    let folder = initialised();
    let (_, out, _) = run(folder.path(), &["check"]);
    assert!(!out.contains('\u{1b}'));
    let (_, out, _) = run(folder.path(), &["check", "--color", "always"]);
    assert!(out.contains('\u{1b}'));
    let output = vrsky(folder.path(), &["check"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn odd_files_have_an_answer() {
    let folder = initialised();
    fs::write(folder.path().join("flows/latin.yaml"), b"a: b\nc: \xe9\n").unwrap();
    fs::write(folder.path().join("flows/huge.yaml"), vec![b'#'; 5 << 20]).unwrap();
    fs::create_dir(folder.path().join("target")).unwrap();
    fs::write(folder.path().join("target/x.yaml"), "kind: Nonsense").unwrap();
    fs::create_dir(folder.path().join(".hidden")).unwrap();
    fs::write(folder.path().join(".hidden/x.yaml"), "kind: Nonsense").unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("flows/loop")).unwrap();
    let (code, out, _) = run(folder.path(), &["check"]);
    assert_eq!(code, 1);
    assert!(
        out.contains("flows/latin.yaml: is not UTF-8: line 2"),
        "{out}"
    );
    assert!(
        out.contains("flows/huge.yaml: is larger than 4 MiB"),
        "{out}"
    );
    assert!(!out.contains("Nonsense"), "{out}");
    assert!(out.contains("4 files: 2 errors"), "{out}");
}

#[test]
fn help_shows_examples_and_completions_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "init",
        "check",
        "plan",
        "explain",
        "dev",
        "dlq",
        "completions",
    ] {
        let (code, out, _) = run(folder.path(), &[command, "--help"]);
        assert_eq!(code, 0);
        assert!(out.contains("Examples:"), "{command}: {out}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = run(folder.path(), &["completions", shell]);
        assert_eq!(code, 0);
        assert!(out.contains("redrive"), "{shell}");
    }
    let (code, out, _) = run(folder.path(), &["--version"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("vrsky 0."), "{out}");
    let (code, out, _) = run(folder.path(), &["explain", "--list"]);
    assert_eq!(code, 0);
    assert!(out.lines().count() >= 25, "{out}");
}

#[test]
fn an_unproven_edge_is_told_shown_in_the_plan_and_denied_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let manifests = include_str!("../../tests/fixtures/VRS0405.yaml");
    let tenant = "apiVersion: vrsky.io/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {namespaces: [acme]}\n---\n";
    fs::write(
        folder.path().join("all.yaml"),
        format!("{tenant}{manifests}"),
    )
    .unwrap();
    let (code, out, _) = run(folder.path(), &["check"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("unproven[VRS0405]"), "{out}");
    assert!(out.contains("1 file: 1 unproven"), "{out}");
    let (code, out, _) = run(folder.path(), &["check", "--output", "json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &found["errors"], &found["unproven"]),
        (0, &0.into(), &1.into())
    );
    assert_eq!(found["diagnostics"][0]["severity"], "unproven");
    let (code, out, _) = run(folder.path(), &["plan"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("out → topic orders: nobody reads it yet; not proved"),
        "{out}"
    );
    let (code, out, _) = run(folder.path(), &["check", "--deny", "unproven"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("error[VRS0405]"), "{out}");
}
