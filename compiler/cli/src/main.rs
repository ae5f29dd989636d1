//! The vrsky command. Called `kubectl-vrsky`, it is kubectl's plugin: `kubectl vrsky …`.

mod arguments;
mod cluster;
mod command;
mod config;
mod dev;
mod files;
mod output;
mod project;
mod render;
mod safe;
mod tree;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

fn main() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let screen = output::Screen::new(arguments.global.output, arguments.global.color);
    match command::run(arguments.command, screen) {
        Ok(exit) => exit.into(),
        Err(error) => screen.fail(&error),
    }
}

/// The command line. Help and errors call the program what the user called it; kubectl's plugin is about
/// the cluster.
fn parse() -> Result<arguments::Arguments, clap::Error> {
    let mut command = arguments::Arguments::command();
    let called = std::env::args_os().next().map(std::path::PathBuf::from);
    let is_plugin = called.is_some_and(|path| path.file_stem() == Some("kubectl-vrsky".as_ref()));
    if is_plugin {
        command = command.bin_name("kubectl vrsky");
    }
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let arguments = arguments::Arguments::from_arg_matches(&matches);
    let mut arguments = arguments.map_err(|error| error.format(&mut command))?;
    if let arguments::Command::Dlq(dlq) = &mut arguments.command {
        dlq.server.cluster |= is_plugin && dlq.server.nats.is_none();
    }
    Ok(arguments)
}
