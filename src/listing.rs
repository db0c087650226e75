//! Requests of a complete read, which a poll and a list of records have in common.

mod error;
mod pauses;
mod requests;

pub use error::{ReadError, ReadFailure};
pub use pauses::Pauses;
pub use requests::{BrokenRead, ExtentRequests, ReadContext, ReadEnd, Sizings, check_time};
