//! The integration tests: one binary.
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    clippy::float_cmp,
    reason = "a test may panic, and compares what was written"
)]

mod answers;
mod architecture;
mod binary;
mod boundaries;
mod catalog;
mod changes;
mod client_model;
mod config;
mod costs;
mod counting;
mod dashboards;
mod dialects;
#[cfg(feature = "end-to-end")]
mod end_to_end;
mod failures;
mod faults;
mod finds;
mod first_sync;
mod formats;
mod fuzz;
mod harness;
mod hostile;
mod labels;
mod listener;
mod many;
mod messages;
mod names;
mod one_view;
mod polls;
mod reload;
mod service_manager;
mod sign_in;
mod simulation;
mod state;
mod state_formats;
mod support;
mod targets;
mod transport;
mod troubleshooting;
mod truth;
mod window;
