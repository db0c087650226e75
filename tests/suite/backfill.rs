//! History from before counting began: the command `backfill`, and what it is made of.

mod folding;
pub(crate) mod history;
mod model;
