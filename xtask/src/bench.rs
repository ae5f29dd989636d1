//! Measurements. They print tables and write them to `docs/benchmarks.md`; nothing is asserted on
//! times, since the machine is whatever it is.

mod compile;
mod operator;
mod page;
mod runtime;
mod scale_out;

use clap::Subcommand;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Choice {
    /// `vrsky check` of many tenants: CPU time, wall time, memory.
    Compile(compile::Arguments),
    /// The operator: many flows at once, one edit among them, and rest.
    Operator(operator::Arguments),
    /// JetStream in, filter and map, JetStream out: vrsky-runtime beside mq-bridge.
    Runtime(runtime::Arguments),
    /// One flow in 1, 2, 4 and 8 processes of a twentieth of a core each (root).
    ScaleOut(scale_out::Arguments),
}

/// Measures.
pub(crate) fn run(choice: Choice) -> anyhow::Result<()> {
    match choice {
        Choice::Compile(arguments) => compile::run(&arguments),
        Choice::Operator(arguments) => operator::run(&arguments),
        Choice::Runtime(arguments) => runtime::run(&arguments),
        Choice::ScaleOut(arguments) => scale_out::run(&arguments),
    }
}
