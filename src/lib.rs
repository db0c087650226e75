//! Prometheus exporter for Huawei Cloud Workspace screen recordings.
//!
//! Data flows through the modules in this order, and each imports only those before it:
//!
//! [`ledger`] < [`sync`] < [`listing`] < [`snapshot`] < [`exposition`] < [`backfill`] < [`instruments`] < [`project`] <
//! `replica` < [`collector`] < [`http`] < `app` < [`cli`]. All of them use the crate [`records_api`], the client of the
//! API. [`config`] is read by the last three, which pass plain values down. [`csv_text`] and
//! [`field_text`] import nothing of these. The crate `records_api_simulator` (feature
//! `simulator`, for `demo` and `simulate`) is written from the API's documents and shares no code with the
//! client. `replica` (feature `postgresql`) uses the crate `state_database`.

mod app;
pub mod backfill;
pub mod cli;
pub mod collector;
pub mod config;
pub mod csv_text;
pub mod exposition;
pub mod field_text;
pub mod http;
pub mod instruments;
pub mod ledger;
pub mod listing;
pub mod project;
#[cfg(feature = "postgresql")]
pub mod replica;
pub mod snapshot;
pub mod sync;
