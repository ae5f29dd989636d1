//! A trace for people, and for programs.

use std::fmt::Write as _;

use super::judge::{Node, State, Trace};
use crate::output::{BAD, BOLD, DIM, GOOD, Screen};
use crate::{safe, tree};

/// Prints it.
pub(super) fn show(trace: &Trace, screen: Screen) -> anyhow::Result<()> {
    if screen.is_document() {
        return screen.document(trace);
    }
    if screen.is_name() {
        if let Some(object) = culprit(trace) {
            screen.say(&safe::line(object));
        }
        return Ok(());
    }
    let failure = trace.failure.as_deref().unwrap_or_default();
    let root = lines(&trace.tree, failure);
    let mut text = format!("{}\n", root.text);
    tree::draw(&root.children, "", &mut text);
    if let Some(next) = &trace.next {
        let _ = write!(text, "\n{BOLD}next{BOLD:#}: {}", safe::line(next));
    }
    screen.say(text.trim_end());
    Ok(())
}

/// Prints several, a line each.
pub(super) fn table(traces: &[Trace], with_namespace: bool, screen: Screen) -> anyhow::Result<()> {
    if screen.is_document() {
        return screen.document(&traces);
    }
    if screen.is_name() {
        for object in traces.iter().filter_map(culprit) {
            screen.say(&safe::line(object));
        }
        return Ok(());
    }
    if traces.is_empty() {
        screen.say("no flows");
        return Ok(());
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let mut header = vec!["", "FLOW", "FAILS", "SAYS"];
    if with_namespace {
        header.insert(1, "NAMESPACE");
    }
    table.set_header(header);
    for trace in traces {
        let sign = if trace.failure.is_some() {
            "✘"
        } else {
            "✔"
        };
        let name = trace.tree.what.trim_start_matches("flow/");
        let mut row = vec![
            sign.to_owned(),
            safe::line(name),
            safe::line(culprit(trace).map_or("-", String::as_str)),
            safe::line(&trace.tree.says),
        ];
        if with_namespace {
            row.insert(1, safe::line(&trace.namespace));
        }
        table.add_row(row);
    }
    screen.say(&table.trim_fmt());
    Ok(())
}

/// The object that fails. Not all that fails is one (`manifest`, `VRS0402 spec…`); what it belongs to
/// is.
fn culprit(trace: &Trace) -> Option<&String> {
    let is_object = |what: &&String| what.contains('/') && !what.contains(' ');
    trace.failure.iter().flatten().rev().find(is_object)
}

/// A node as lines; `failure` is the way from here to the first thing that is wrong, if it is below.
fn lines(node: &Node, failure: &[String]) -> tree::Node {
    let below = match failure.split_first() {
        Some((first, below)) if *first == node.what => Some(below),
        _ => None,
    };
    let (style, sign) = match node.state {
        State::Well => (GOOD, "✔"),
        State::Wrong => (BAD, "✘"),
        State::Unknown => (DIM, "?"),
    };
    let mut text = format!("{style}{sign}{style:#} {}", safe::line(&node.what));
    if !node.says.is_empty() {
        let _ = write!(text, "  {DIM}{}{DIM:#}", safe::line(&node.says));
    }
    if below.is_some_and(<[String]>::is_empty) {
        let _ = write!(text, "  {BAD}◀ here{BAD:#}");
    }
    let below = below.unwrap_or_default();
    tree::Node {
        text,
        children: node
            .children
            .iter()
            .map(|child| lines(child, below))
            .collect(),
    }
}
