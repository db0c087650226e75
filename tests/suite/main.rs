//! The integration tests: one binary.
#![expect(clippy::unwrap_used, clippy::unnecessary_wraps, reason = "a test may panic")]

mod config;
mod window;
