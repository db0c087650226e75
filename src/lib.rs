//! Prometheus exporter for Huawei Cloud Workspace screen recordings.
//!
//! The way of the data, and the order in which the modules may know each other:
//!
//! [`record`] < [`api`], [`store`] < [`sync`] < [`aggregate`] < [`exposition`] < [`collector`] <
//! [`http`] < the binary. [`clock`], [`mod@file`], [`secret`] and [`profile`] stand below all of them; [`config`]
//! is read at the top and handed down as plain values. The [`simulator`] of the records API stands apart:
//! it is written from the API's documents and shares nothing with the client but the clock.

pub mod aggregate;
pub mod api;
pub mod clock;
pub mod collector;
pub mod config;
pub mod exposition;
pub mod file;
pub mod http;
pub mod profile;
pub mod program;
pub mod record;
pub mod secret;
pub mod simulator;
pub mod store;
pub mod sync;
