//! The integration tests: one binary.
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    clippy::float_cmp,
    reason = "a test may panic, compares what was written, and may tell a long story"
)]

mod architecture;
mod binary;
mod catalog;
#[cfg(feature = "end-to-end")]
mod end_to_end;
mod polls;
mod support;
mod window;
