//! The log, on stderr.

use std::fmt;
use std::io::stderr;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat, LogLevel};

/// The `target` of every line. Users filter by it, so it does not follow the names of modules.
const TARGET: &str = env!("CARGO_CRATE_NAME");

/// Starts the log for the rest of the process.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Only the crates of this workspace: libraries may log headers, which contain secrets.
    let crates = [TARGET, "records_api", "records_api_simulator"];
    let filter = Targets::new().with_targets(crates.map(|name| (name, level)));
    let lines = match log.format {
        LogFormat::Logfmt => {
            let logfmt = tracing_logfmt::builder().layer().with_writer(stderr);
            logfmt.map_event_format(StableTarget).boxed()
        }
        LogFormat::Json => {
            let json = layer().json().flatten_event(true).with_writer(stderr);
            json.map_event_format(StableTarget).boxed()
        }
    };
    // A second start, as in tests, leaves the log of the first in place.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// Writes lines in another format, with [`TARGET`] in place of the path of a module.
struct StableTarget<F>(F);

impl<S, N, F> FormatEvent<S, N> for StableTarget<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let module = event.metadata().target();
        // logfmt writes the target before all fields, JSON writes it after them: a field that looks
        // like a target stays as it is.
        let in_logfmt = line.find(&format!(" target={module} ")).map(|at| at + " target=".len());
        let in_json =
            line.rfind(&format!("\"target\":\"{module}\"")).map(|at| at + "\"target\":\"".len());
        let at = if line.starts_with('{') { in_json } else { in_logfmt };
        if let Some(at) = at {
            line.replace_range(at..at + module.len(), TARGET);
        }
        writer.write_str(&line)
    }
}
