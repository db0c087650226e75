//! The integration tests: one binary.
#![expect(clippy::unwrap_used, clippy::unnecessary_wraps, reason = "a test may panic")]

mod architecture;
mod catalog;
mod window;
