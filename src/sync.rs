//! Decides what a poll asks for, and what the answers prove. Pure: no IO, no clock, no randomness,
//! so that a simulation can drive it through any history.
//!
//! [`Planner`] plans a poll. `read` reads a range of the window page by page into a staging.
//! `recount` compares the API's counts with the ledger, and locates a difference.

mod anomalies;
mod error;
mod extent;
mod planner;
mod read;
mod recount;
mod scrub;

pub use anomalies::Anomalies;
pub use error::SyncError;
pub use extent::{Extent, ReadSummary};
pub use planner::{Mode, Plan, Planner, PollContext, unsettled_extents};
pub use read::{ExtentReader, Next, PageRequest};
pub use recount::{BisectionContext, CountBisection, CountTaken};
