//! Reads a range of the window page by page, and proves that no row was missed.
//!
//! An [`ExtentReader`] takes pages into a staging. Its [`walk`] divides the range into [`segment`]s
//! that are read side by side, each as a [`listing`]; [`boundaries`] proves that they meet,
//! [`ties`] that no record of equal start is missing, and [`clamp`] notices a server that grants
//! smaller pages than requested.

mod boundaries;
mod clamp;
mod listing;
mod reader;
mod segment;
mod split;
mod ties;
mod walk;

pub use reader::ExtentReader;
pub use walk::{Next, PageRequest};
