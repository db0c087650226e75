//! Prometheus exporter for Huawei Cloud Workspace screen recordings.

pub mod aggregate;
pub mod api;
pub mod clock;
pub mod collector;
pub mod exposition;
pub mod record;
pub mod store;
pub mod sync;
