//! How figures become what Prometheus reads: the one table of metrics, and the encoder.

mod catalog;
mod counters;
mod records;
mod sink;
mod text;

pub use catalog::{CATALOG, Kind, Metric, Scope, metric};
pub use counters::{CounterView, Held, family_of};
pub use records::{ProjectView, SnapshotView, StoreFigures, SyncMode, write_projects};
pub use sink::{HistogramValue, Sink, Value};
pub use text::TextEncoder;
