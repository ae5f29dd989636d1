//! `vrsky completions`: what a shell needs to complete our arguments.

use clap::CommandFactory as _;

use crate::arguments;
use crate::output::Exit;

#[expect(clippy::unnecessary_wraps, reason = "the signature of every command")]
pub(super) fn run(arguments: &arguments::Completions) -> anyhow::Result<Exit> {
    let mut command = arguments::Arguments::command();
    clap_complete::generate(
        arguments.shell,
        &mut command,
        "vrsky",
        &mut std::io::stdout(),
    );
    Ok(Exit::Fine)
}
