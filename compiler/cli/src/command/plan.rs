//! `vrsky plan`: what will exist?

use crate::arguments;
use crate::output::{Exit, Screen};
use crate::project;
use crate::render;
use crate::tree;

pub(super) fn run(arguments: &arguments::Plan, screen: Screen) -> anyhow::Result<Exit> {
    let project = project::load(&arguments.input)?;
    if screen.is_document() {
        screen.document(&project.compiled.plan)?;
    } else {
        let text = tree::tree(&project.compiled);
        screen.say(if text.is_empty() {
            "nothing: there is no tenant"
        } else {
            &text
        });
    }
    let findings = render::human(
        &project.compiled.diagnostics,
        &project.unreadable,
        &project.documents,
        &screen.renderer(),
    );
    if !findings.is_empty() {
        screen.note(&findings);
        screen.note(&render::summary(&project));
    }
    Ok(if project.has_errors() {
        Exit::Findings
    } else {
        Exit::Fine
    })
}
