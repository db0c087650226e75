//! The integration tests: one binary.
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    clippy::float_cmp,
    reason = "a test may panic, and compares what was written"
)]

mod architecture;
mod binary;
mod catalog;
mod collector;
mod config;
#[cfg(feature = "end-to-end")]
mod end_to_end;
mod fuzz;
mod polls;
mod support;
mod window;
