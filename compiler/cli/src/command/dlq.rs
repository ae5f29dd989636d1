//! `vrsky dlq`.
use crate::{
    arguments,
    output::{Exit, Screen},
};
pub(super) fn run(_: &arguments::Dlq, _: Screen) -> anyhow::Result<Exit> {
    Ok(Exit::Fine)
}
