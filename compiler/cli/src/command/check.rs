//! `vrsky check`: what is wrong with these manifests?

use crate::arguments;
use crate::output::{BAD, Exit, GOOD, Screen, WARN};
use crate::project;
use crate::render;

pub(super) fn run(arguments: &arguments::Check, screen: Screen) -> anyhow::Result<Exit> {
    let project = project::load(&arguments.input)?;
    let diagnostics = &project.compiled.diagnostics;
    if screen.is_document() {
        screen.document(&render::findings(
            diagnostics,
            &project.unreadable,
            &project.documents,
        ))?;
    } else {
        let text = render::human(
            diagnostics,
            &project.unreadable,
            &project.documents,
            &screen.renderer(),
        );
        if !text.is_empty() {
            screen.say(&text);
            screen.say("");
        }
        let style = match (project.has_errors(), diagnostics.is_empty()) {
            (true, _) => BAD,
            (false, true) => GOOD,
            (false, false) => WARN,
        };
        screen.say(&format!("{style}{}{style:#}", render::summary(&project)));
    }
    Ok(if project.has_errors() {
        Exit::Findings
    } else {
        Exit::Fine
    })
}
