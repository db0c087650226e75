//! The formats and codings that a body can have.

use super::openmetrics::OpenMetricsEncoder;
use super::protobuf::ProtobufEncoder;
use super::sink::Sink;
use super::text::TextEncoder;

/// A format of an exposition.
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

/// How the bytes of a body are coded for the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Coding {
    /// As they are.
    #[default]
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// What somebody wants a body to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Wanted {
    /// The format.
    pub format: Format,
    /// The coding.
    pub coding: Coding,
}

impl Format {
    /// The value of `Content-Type`.
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

    /// What every body of the format ends with.
    pub fn end(self) -> &'static str {
        match self {
            Self::OpenMetrics001 | Self::OpenMetrics100 => OpenMetricsEncoder::END,
            Self::Text | Self::Protobuf => "",
        }
    }

    /// What `write` writes, without the [end](Self::end) of the format: another part of the body may
    /// follow. `created_series` adds series of created timestamps where the format has such.
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
    /// The value of `Content-Encoding`, if it has one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}
