//! `vrsky explain`: the page of a diagnostic code.

use std::fmt::Write as _;

use anyhow::Context as _;
use vrsky_compiler::{Code, codes};

use crate::arguments;
use crate::output::{BOLD, Exit, Screen};
use crate::safe;

pub(super) fn run(arguments: &arguments::Explain, screen: Screen) -> anyhow::Result<Exit> {
    match &arguments.code {
        Some(text) => page(text, screen)?,
        None => list(screen)?,
    }
    Ok(Exit::Fine)
}

fn page(text: &str, screen: Screen) -> anyhow::Result<()> {
    let wanted = text.trim().to_ascii_uppercase();
    let (code, page) = Code::try_from(wanted)
        .ok()
        .and_then(|code| Some((code, codes::page(code)?)))
        .with_context(|| {
            let text = safe::line(text);
            format!("there is no code {text}; `vrsky explain --list` prints all")
        })?;
    if screen.is_document() {
        return screen.document(&serde_json::json!({"code": code, "page": page}));
    }
    screen.say(page.trim_end());
    Ok(())
}

fn list(screen: Screen) -> anyhow::Result<()> {
    if screen.is_document() {
        let all: Vec<_> = codes::codes()
            .iter()
            .map(|(code, title)| serde_json::json!({"code": code, "title": title}))
            .collect();
        return screen.document(&all);
    }
    let mut text = String::new();
    for (code, title) in codes::codes() {
        let _ = writeln!(text, "{BOLD}{code}{BOLD:#}  {title}");
    }
    screen.say(text.trim_end());
    Ok(())
}
