//! HTML pages. They work on a phone, have a light and a dark scheme, and need neither scripts nor
//! external resources.

mod failures;
mod html;
mod landing;
mod list;

pub(super) use failures::failures;
pub(super) use landing::landing;
