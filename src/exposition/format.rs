//! Formats and content codings of an exposition.

use super::openmetrics::OpenMetricsEncoder;
use super::protobuf::ProtobufEncoder;
use super::sink::Sink;
use super::text::TextEncoder;

/// Format of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Format {
    /// The text format 0.0.4.
    #[default]
    Text,
    /// `OpenMetrics` text 0.0.1.
    OpenMetrics001,
    /// `OpenMetrics` text 1.0.0.
    OpenMetrics100,
    /// Delimited protobuf.
    Protobuf,
}

/// Content coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Coding {
    /// No compression.
    #[default]
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// Format and content coding requested for a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Wanted {
    /// The format.
    pub format: Format,
    /// The coding.
    pub coding: Coding,
}

impl Format {
    /// Returns the value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Self::OpenMetrics100 => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }

    /// Returns the bytes that end every body of the format.
    pub fn end(self) -> &'static str {
        match self {
            Self::OpenMetrics001 | Self::OpenMetrics100 => OpenMetricsEncoder::END,
            Self::Text | Self::Protobuf => "",
        }
    }

    /// Encodes what `write` writes, without the [end](Self::end) of the format, so that another part
    /// of the body can follow. `created_series` adds `_created` series in `OpenMetrics` text.
    pub fn encode(self, created_series: bool, write: impl FnOnce(&mut dyn Sink)) -> Vec<u8> {
        match self {
            Self::Text => {
                let mut encoder = TextEncoder::default();
                write(&mut encoder);
                encoder.finish()
            }
            Self::OpenMetrics001 | Self::OpenMetrics100 => {
                let mut encoder = OpenMetricsEncoder::new(created_series);
                write(&mut encoder);
                encoder.finish()
            }
            Self::Protobuf => {
                let mut encoder = ProtobufEncoder::default();
                write(&mut encoder);
                encoder.finish()
            }
        }
    }
}

impl Coding {
    /// Returns the value of `Content-Encoding`, if the header is needed.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}
