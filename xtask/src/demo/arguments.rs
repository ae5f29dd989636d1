//! How long the story is.

/// How many orders are posted.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Orders, the poisonous ones included.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    pub(crate) orders: u32,
}
