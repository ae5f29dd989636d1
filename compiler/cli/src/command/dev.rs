//! `vrsky dev`.
use crate::{
    arguments,
    output::{Exit, Screen},
};
pub(super) fn run(_: &arguments::Dev, _: Screen) -> anyhow::Result<Exit> {
    Ok(Exit::Fine)
}
