//! The log, on stderr.

use std::io::stderr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat, LogLevel};

/// Starts the log for the rest of the process.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Only what this program says: libraries may write headers, and with them secrets.
    let filter = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = match log.format {
        LogFormat::Logfmt => tracing_logfmt::builder().layer().with_writer(stderr).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(stderr).boxed(),
    };
    // A second start, as in tests, leaves the first one's log in place.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
