//! The log, on stderr, with panics as lines of it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io;
use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::stderr::STDERR;
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
            let logfmt = tracing_logfmt::builder().layer().with_writer(|| Lines);
            logfmt.map_event_format(StableTarget).boxed()
        }
        LogFormat::Json => {
            let json = layer().json().flatten_event(true).with_writer(|| Lines);
            json.map_event_format(StableTarget).boxed()
        }
    };
    // A second start, as in tests, leaves the log of the first in place.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    // The default hook writes to stderr itself and would block the task that panicked.
    std::panic::set_hook(Box::new(log_panic));
}

/// Logs a panic, with a backtrace if `RUST_BACKTRACE` asks for one.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let error = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let location = panic.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| backtrace.to_string());
    let thread = std::thread::current();
    let thread = thread.name();
    tracing::error!(thread, location, error, backtrace, "panicked");
}

/// Queues what is written to it. The log writes each line at once.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        STDERR.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_a_line_of_the_log_with_its_location() {
        let buffer = Buffer::default();
        let target = buffer.clone();
        let logfmt = tracing_logfmt::builder().layer().with_writer(move || target.clone());
        let subscriber = tracing_subscriber::registry().with(logfmt);
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(subscriber, || {
            std::panic::catch_unwind(|| panic!("number {}", 7)).unwrap_err();
        });
        std::panic::set_hook(earlier);
        let log = String::from_utf8(buffer.0.lock().clone()).unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("\"number 7\"")).collect();
        let [line] = lines[..] else { panic!("{log}") };
        assert!(line.contains("level=error") && line.contains("message=panicked"), "{line}");
        assert!(line.contains("location=src/app/logging.rs:"), "{line}");
    }
}
