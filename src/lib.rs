//! Prometheus exporter for Huawei Cloud Workspace screen recordings.
//!
//! The way of the data, and the order in which the modules may know each other:
//!
//! [`ledger`] < [`sync`] < [`snapshot`] < [`exposition`] < [`instruments`] < [`project`] < [`collector`] <
//! [`http`] < `app` < [`cli`]. Below all of them is the crate [`records_api`], the client of the API; [`config`] is read at the top and
//! handed down as plain values. The crate `records_api_simulator`, which the feature `simulator` brings in
//! for `demo` and `simulate`, is written from the API's documents and shares nothing with the client.

mod app;
pub mod cli;
pub mod collector;
pub mod config;
pub mod exposition;
pub mod http;
pub mod instruments;
pub mod ledger;
mod log_throttle;
pub mod project;
pub mod snapshot;
pub mod sync;
