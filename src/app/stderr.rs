//! Lines on their way to stderr, written by a thread of their own.
//!
//! The reader of stderr may stall. This blocks only that thread: further lines are queued, and dropped and
//! counted when the queue is full. No crate does this: `tracing-appender` bounds lines and not bytes, hides
//! lines that cannot be written, and prints to stdout if it cannot finish.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::time::Instant;

use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;

/// The queue of this process.
pub(crate) static STDERR: Queue = Queue::new();

/// Maximum length of all queued lines.
const MAX_QUEUED_BYTES: usize = 128 * 1024;
/// Time between two reports of dropped lines if stderr is read, but too slowly.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// Time until a stderr that would block is written again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Time that lines get to be written before the process ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Lines that wait to be written.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    dropped: LazyLock<Arc<AtomicU64>>,
}

struct State {
    lines: VecDeque<Line>,
    /// Length of the queued lines and of the one that is being written.
    bytes: usize,
    /// True once the thread that writes runs.
    has_writer: bool,
    /// True while a line is being written or reported.
    is_writing: bool,
    /// Dropped lines that were not reported yet.
    gap: Option<Gap>,
}

struct Line {
    text: Box<[u8]>,
    /// Dropped lines that this line reports.
    reports: Option<Gap>,
}

/// Dropped lines.
#[derive(Debug, Clone, Copy)]
struct Gap {
    lines: u64,
    since: Timestamp,
}

thread_local! {
    /// Dropped lines that the next line of this thread reports.
    static REPORTED: Cell<Option<Gap>> = const { Cell::new(None) };
}

impl Queue {
    const fn new() -> Self {
        let state = State {
            lines: VecDeque::new(),
            bytes: 0,
            has_writer: false,
            is_writing: false,
            gap: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            dropped: LazyLock::new(Arc::default),
        }
    }

    /// Returns the number of lines that were dropped since the start.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Queues text that ends with a newline, or drops it if the queue is full. Never blocks.
    pub(crate) fn push(&'static self, text: &[u8]) {
        let reports = REPORTED.take();
        let mut state = self.state.lock();
        // A report is always queued: otherwise it could be dropped as long as there is something to report.
        if state.bytes + text.len() > MAX_QUEUED_BYTES && reports.is_none() {
            self.drop_line(&mut state, None);
            return;
        }
        state.bytes += text.len();
        state.lines.push_back(Line { text: text.into(), reports });
        if !state.has_writer {
            let writer = thread::Builder::new().name("log".to_owned());
            // Without a thread, the lines wait for the next attempt.
            state.has_writer = writer.spawn(|| self.write_lines(Sink::new(Stderr(None)))).is_ok();
        }
        self.changed.notify_all();
    }

    /// Waits until all lines are written, but not for long.
    pub(crate) fn flush(&self) {
        let is_busy = |state: &mut State| state.is_writing || !state.lines.is_empty();
        self.changed.wait_while_for(&mut self.state.lock(), is_busy, FLUSH_LIMIT);
    }

    /// Counts a dropped line. If it was a report, what it reported has to be reported again.
    fn drop_line(&self, state: &mut State, reported: Option<Gap>) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let since = || Timestamp::from_millis(SystemClock.now_millis());
        let gap = state.gap.get_or_insert_with(|| Gap { lines: 0, since: since() });
        gap.lines += 1;
        if let Some(reported) = reported {
            gap.lines += reported.lines;
            gap.since = reported.since;
        }
    }

    fn write_lines(&self, mut sink: Sink<impl Write>) {
        let mut last_report = None::<Instant>;
        loop {
            let Line { text, reports } = self.next_line();
            let is_written = sink.write_line(&text).is_ok();
            let mut state = self.state.lock();
            state.bytes -= text.len();
            if !is_written {
                self.drop_line(&mut state, reports);
                continue;
            }
            let is_slow = last_report.is_none_or(|last| last.elapsed() >= REPORT_INTERVAL);
            let is_due = state.lines.is_empty() || is_slow;
            let gap = state.gap.take_if(|_| is_due);
            drop(state);
            if let Some(gap) = gap {
                report(gap);
                last_report = Some(Instant::now());
            }
        }
    }

    fn next_line(&self) -> Line {
        let mut state = self.state.lock();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.is_writing = true;
                return line;
            }
            state.is_writing = false;
            self.changed.notify_all();
            self.changed.wait(&mut state);
        }
    }
}

fn report(gap: Gap) {
    REPORTED.set(Some(gap));
    let (lines, since) = (gap.lines, gap.since.to_rfc3339());
    let remedy = "check what reads stderr, and the space of the disk that it is written to";
    tracing::warn!(lines, since, remedy, "log lines were dropped");
    // Still there if the log level hides warnings.
    REPORTED.take();
}

/// Writes whole lines.
struct Sink<W> {
    target: W,
    /// Rest of a line of which only the beginning could be written.
    rest: Vec<u8>,
}

impl<W: Write> Sink<W> {
    fn new(target: W) -> Self {
        Self { target, rest: Vec::new() }
    }

    /// Writes a line. If only its beginning can be written, the rest is written before the next line.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let mut rest = std::mem::take(&mut self.rest);
        let (written, result) = self.write(&rest);
        rest.drain(..written);
        self.rest = rest;
        result?;
        let (written, result) = self.write(line);
        if written == 0 {
            return result;
        }
        line[written..].clone_into(&mut self.rest);
        Ok(())
    }

    /// Writes as much as can be written. Returns the number of bytes.
    fn write(&mut self, text: &[u8]) -> (usize, io::Result<()>) {
        let mut written = 0;
        while written < text.len() {
            match self.target.write(&text[written..]) {
                Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process that shares stderr may have made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::park_timeout(RETRY_INTERVAL);
                }
                Err(error) => return (written, Err(error)),
            }
        }
        (written, Ok(()))
    }
}

/// The descriptor of stderr. `std::io::Stderr` has a lock, which would be held while a write blocks.
struct Stderr(Option<File>);

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(io::stderr().as_fd().try_clone_to_owned()?.into()),
        };
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for some bytes.
    struct Disk {
        room: usize,
        content: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room);
            if length == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..length]);
            self.room -= length;
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_written_in_part_is_completed_before_the_next() {
        let mut sink = Sink::new(Disk { room: 8, content: Vec::new() });
        assert!(sink.write_line(b"first\n").is_ok());
        assert!(sink.write_line(b"second\n").is_ok(), "its beginning is written");
        assert!(sink.write_line(b"third\n").is_err());
        sink.target.room = 3;
        assert!(sink.write_line(b"fourth\n").is_err());
        sink.target.room = 100;
        assert!(sink.write_line(b"fifth\n").is_ok());
        assert_eq!(sink.target.content, b"first\nsecond\nfifth\n");
    }
}
