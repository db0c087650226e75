//! What to ask next, and what the answers mean. Pure: no IO, no clock, no chance, so that a
//! simulation can drive it through any history.
//!
//! A [`ExtentReader`] reads the whole window once: its walk plans the pages so that none is
//! missed, whatever the API makes of bounds, limits, order and counts; its rows go into a staging.

mod anomalies;
mod boundaries;
mod clamp;
mod counts;
mod error;
mod expected;
mod extent;
mod group;
mod listing;
mod planner;
mod scrub;
mod search;
mod segment;
mod split;
mod walk;
mod window;

pub use anomalies::Anomalies;
pub use counts::CountTaken;
pub use error::SyncError;
pub use extent::{Extent, ReadSummary};
pub use planner::{Mode, Plan, Planner, PollContext, flights_left};
pub use search::CountBisection;
pub use walk::{Next, PageRequest};
pub use window::ExtentReader;
