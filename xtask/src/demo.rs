//! The product at its main job, told as a story.

mod arguments;
mod flood;
mod narrate;
mod story;

pub(crate) use arguments::Arguments;

use crate::setup;
use crate::step;

/// Builds what is needed, then tells the story.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    setup::nats_server()?;
    step::build_product()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(story::tell(arguments))
}
