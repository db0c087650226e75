//! HTML pages. They work on a phone, have a light and a dark scheme, and need neither scripts nor
//! external resources.

mod desktops;
mod error;
mod failures;
mod html;
mod landing;
mod list;
mod navigation;
mod records;
mod runbook;

pub(super) use desktops::desktops;
pub(super) use error::error;
pub(super) use failures::failures;
pub(super) use landing::landing;
pub(super) use records::records;
pub(super) use runbook::runbook;
