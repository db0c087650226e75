//! The integration tests: one binary.
#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_wraps,
    clippy::float_cmp,
    reason = "a test may panic, and compares what was written"
)]

mod answers;
mod architecture;
mod auditing;
mod authorities;
mod backfill;
mod binary;
mod boundaries;
mod catalog;
mod changes;
mod client_model;
mod config;
mod connections;
mod costs;
mod counting;
mod credentials;
mod dashboards;
mod desktops;
mod dialects;
mod document_links;
#[cfg(feature = "end-to-end")]
mod end_to_end;
mod failures;
mod faults;
mod finds;
mod first_sync;
mod followers;
mod formats;
mod fuzz;
mod garbage;
mod harness;
mod hidden_names;
mod holds;
mod hostile;
mod labels;
mod landing;
mod limits;
mod listener;
mod live;
mod log_output;
mod long_labels;
mod many;
mod memory_log;
mod messages;
mod names;
mod nulls;
mod one_view;
mod polls;
mod prefixes;
mod records;
mod reload;
#[cfg(feature = "end-to-end")]
mod replicas;
mod requests;
mod runbook;
mod service_manager;
mod sign_in;
mod signals;
mod simulation;
mod soak;
mod state;
mod state_formats;
mod state_loss;
mod stray_refusals;
mod support;
mod targets;
mod transport;
mod troubleshooting;
mod truth;
mod window;
