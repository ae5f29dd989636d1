//! The other end of the examples: prints what arrives.

use vrsky_e2e::{Answer, Receiver};

/// What to listen to, and what to answer.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The address.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: String,
    /// The status code of every answer.
    #[arg(long, default_value_t = 200)]
    status: u16,
}

/// Listens until it is ended.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let receiver = Receiver::listen(&arguments.listen, true).await?;
        receiver.answer("/", Answer::status(arguments.status));
        println!(
            "listening at {}, answering {}; Ctrl-C ends it",
            receiver.url(),
            arguments.status
        );
        std::future::pending::<anyhow::Result<()>>().await
    })
}
