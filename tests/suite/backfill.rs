//! History from before counting began: the command `backfill`, and what it is made of.

pub(crate) mod command;
mod counting_since;
mod folding;
pub(crate) mod history;
mod model;
pub(crate) mod scene;
