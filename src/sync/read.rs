//! Reads a range of the window page by page, and proves that no row was missed.
//!
//! An [`ExtentReader`] reads pages into a staging. Its [`walk`] divides the range into [`segment`]s
//! that are read concurrently, each as a [`listing`]. [`boundaries`] proves that segments meet,
//! [`ties`] that no record of equal start is missing. [`clamp`] detects a server that returns
//! smaller pages than requested, [`live`] ends a list that grows while it is read, [`rejections`]
//! counts each rejected row once, [`rows`] keeps whole rows for a list of records.

mod boundaries;
mod clamp;
mod filter;
mod listing;
mod live;
mod page;
mod prefix;
mod reader;
mod rejections;
mod rows;
mod segment;
mod size;
mod split;
mod ties;
mod vanished;
mod walk;
mod with_rows;

pub use live::LATE_ARRIVAL_MILLIS;
pub use prefix::Prefix;
pub use reader::ExtentReader;
pub use rows::KeptRows;
pub use walk::{Next, PageRequest};
pub use with_rows::RowsPrefix;
