//! Plans the requests of a poll, and checks that the answers are complete.
//!
//! [`Planner`] decides between a read of the whole window and requests for what can have changed.
//! `read` reads a range of the window page by page into a staging. `recount` compares the API's
//! counts with the ledger, and locates a difference.
//!
//! The module is pure: it does no IO and knows neither a clock nor randomness, so that a simulation
//! can drive it through any history.

mod anomalies;
mod error;
mod extent;
mod planner;
mod read;
mod recount;
mod retry;
mod scrub;

pub use anomalies::Anomalies;
pub use error::SyncError;
pub use extent::{CountMeaning, Extent, ReadSummary};
pub use planner::{Mode, Plan, Planner, PollContext, unsettled_extents};
pub use read::{
    ExtentReader, KeptRows, LATE_ARRIVAL_MILLIS, Next, PageRequest, Prefix, RowsPrefix,
};
pub use recount::{BisectionContext, CountBisection, CountTaken};
