//! One file per command. Each reads, does one thing, prints, and says how it ended.

mod bootstrap;
mod check;
mod completions;
mod dev;
mod diff;
mod dlq;
mod explain;
mod finalize;
mod init;
mod lag;
mod new;
mod plan;
mod preflight;
mod support;
mod tap;
mod trace;

use crate::arguments::{Command, Dlq, DlqAction, Tenant};
use crate::output::{Exit, Screen};

/// Runs a command. `Err` is wrong usage or environment.
pub(crate) fn run(command: Command, screen: Screen) -> anyhow::Result<Exit> {
    anyhow::ensure!(
        !screen.is_name() || has_names(&command),
        "--output name is for commands that list: lag, diff, trace, dlq ls"
    );
    match command {
        Command::Init(arguments) => init::run(&arguments, screen),
        Command::New(arguments) => new::run(&arguments, screen),
        Command::Check(arguments) if arguments.pre => preflight::run(&arguments.access, screen),
        Command::Check(arguments) => check::run(&arguments, screen),
        Command::Plan(arguments) => plan::run(&arguments, screen),
        Command::Explain(arguments) => explain::run(&arguments, screen),
        Command::Dev(arguments) => dev::run(&arguments, screen),
        Command::Dlq(arguments) => dlq::run(&arguments, screen),
        Command::Trace(arguments) => trace::run(&arguments, screen),
        Command::Lag(arguments) => lag::run(&arguments, screen),
        Command::Tap(arguments) => tap::run(&arguments, screen),
        Command::Diff(arguments) => diff::run(&arguments, screen),
        Command::Finalize(arguments) => finalize::run(&arguments, screen),
        Command::Tenant(Tenant::Bootstrap(arguments)) => bootstrap::run(&arguments, screen),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

fn has_names(command: &Command) -> bool {
    match command {
        Command::Lag(_) | Command::Diff(_) | Command::Trace(_) => true,
        Command::Dlq(Dlq { action, .. }) => matches!(action, DlqAction::Ls { .. }),
        _ => false,
    }
}
