//! Complete lists of the records that start in a range, in bounded memory.
//!
//! A [`Listing`] reads a range in parts of a few thousand records, several at the same time, and returns
//! them in the order of time. `plan` divides the range, `part` reads one part with the proofs of a
//! poll, and neighbouring parts are proven to meet. [`ExtentRequests`] sends the requests, for polls
//! too. A [`Selection`] chooses records, and a [`Row`] names their fields for CSV and JSON.

mod csv;
mod error;
mod list;
mod options;
mod parameters;
mod part;
mod pauses;
mod plan;
mod requests;
mod row;
mod selected;
mod selection;
mod totals;

pub use csv::CsvWriter;
pub use error::{ReadError, ReadFailure};
pub use list::{Listing, Part};
pub use options::ListingOptions;
pub use parameters::{parse_moment, parse_status, parse_type};
pub use pauses::Pauses;
pub use requests::{BrokenRead, ExtentRequests, ReadContext, ReadEnd, Sizings, check_time};
pub use row::{Row, Value, columns};
pub use selected::SelectedListing;
pub use selection::{NONE, Selection, hide_names};
pub use totals::{RecordTotals, TotalsRow};
