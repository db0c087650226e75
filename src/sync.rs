//! What to ask next, and what the answers mean. Pure: no IO, no clock, no chance, so that a
//! simulation can drive it through any history.
//!
//! A [`WindowRead`] reads the whole window once: its walk plans the pages so that none is
//! missed, whatever the API makes of bounds, limits, order and counts; its rows go into a staging.

mod clamp;
mod counts;
mod error;
mod expected;
mod extent;
mod group;
mod listing;
mod oddities;
mod scrub;
mod seams;
mod search;
mod segment;
mod split;
mod tactics;
mod walk;
mod window;

pub use counts::CountTaken;
pub use error::SyncError;
pub use extent::{Extent, ReadSummary};
pub use oddities::Oddities;
pub use search::Search;
pub use tactics::{Mode, Outset, Plan, Tactics, flights_left};
pub use walk::{Next, PageRequest};
pub use window::WindowRead;
