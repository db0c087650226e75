//! History from before counting began: the command `backfill`, and what it is made of.

mod counting_since;
mod folding;
pub(crate) mod history;
mod model;
