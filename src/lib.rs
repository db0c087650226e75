//! Prometheus exporter for Huawei Cloud Workspace screen recordings.

pub mod api;
pub mod clock;
pub mod record;
