//! How figures become what Prometheus reads: the one table of metrics, and the encoder.

mod catalog;
mod records;
mod sink;
mod text;

pub use catalog::{CATALOG, Kind, Metric, Scope, metric};
pub use records::{ProjectView, SnapshotView, SyncMode, write_projects};
pub use sink::{Sink, Value};
pub use text::TextEncoder;
