//! The pages for people: plain HTML from here, readable on a phone, in dark and light, without
//! scripts and without anything from elsewhere.

mod failures;
mod html;
mod landing;

pub(super) use failures::failures;
pub(super) use landing::landing;
