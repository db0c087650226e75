//! Exposition: the catalog of metrics, the encoders of the formats, and compressed bodies.

mod body;
pub mod catalog;
mod counters;
mod exemplar;
mod format;
mod lines;
mod openmetrics;
mod protobuf;
mod records;
mod registry;
mod sink;
mod text;

pub use body::{Body, Piece};
pub use catalog::{CATALOG, Kind, Metric, Scope};
pub use format::{Coding, Format, Wanted};
pub use openmetrics::OpenMetricsEncoder;
pub use protobuf::ProtobufEncoder;
pub use records::write_projects;
pub use registry::write_families;
pub use sink::{ConstantLabels, CounterValue, HistogramValue, Labels, Sink, Value};
pub use text::TextEncoder;
