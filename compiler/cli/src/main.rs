//! The vrsky command: check, plan, dev, explain, dlq.

mod arguments;
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

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let screen = output::Screen::new(arguments.global.output, arguments.global.color);
    match command::run(arguments.command, screen) {
        Ok(exit) => exit.into(),
        Err(error) => screen.fail(&error),
    }
}
