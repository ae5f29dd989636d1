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
        // Not all that fails is an object (`manifest`, `VRS0402 spec…`); what it belongs to is.
        let is_object = |what: &&String| what.contains('/') && !what.contains(' ');
        let failure = trace.failure.iter().flatten();
        if let Some(object) = failure.rev().find(is_object) {
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
