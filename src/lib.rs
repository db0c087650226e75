//! Prometheus exporter for Huawei Cloud Workspace screen recordings.

pub mod clock;
pub mod simulator;
