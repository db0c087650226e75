//! Progress of a long command on a terminal. Nothing is shown on a pipe or in a file.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use records_api::record::{TimeRange, Timestamp};

/// Progress through a range of time. A terminal that is held does not hold up the command.
pub(super) struct Progress {
    updates: Sender<Update>,
    range: TimeRange,
}

enum Update {
    Read {
        seconds: u64,
        records: u64,
    },
    /// Removes the bar, and answers when it is gone.
    Clear(Sender<()>),
}

/// Time for the bar to be removed.
const CLEAR_TIME: Duration = Duration::from_millis(200);

impl Progress {
    /// Shows the progress through a range, which nobody sees unless stderr is a terminal.
    pub(super) fn new(project: &str, range: TimeRange) -> Self {
        let project = project.to_owned();
        let (updates, received) = channel();
        let length = range.duration().unwrap_or_default().as_secs();
        thread::spawn(move || {
            let bar = ProgressBar::new(length).with_style(style()).with_prefix(project);
            for update in received {
                match update {
                    Update::Read { seconds, records } => {
                        bar.set_position(seconds);
                        bar.set_message(format!("{records} records"));
                    }
                    Update::Clear(done) => {
                        bar.finish_and_clear();
                        // The command may not wait any longer.
                        let _ = done.send(());
                    }
                }
            }
        });
        Self { updates, range }
    }

    /// Shows that all records that start before `position` were read.
    pub(super) fn reached(&self, position: Timestamp, records: u64) {
        let read = TimeRange::new(self.range.start, position);
        let seconds = read.duration().unwrap_or_default().as_secs();
        self.send(Update::Read { seconds, records });
    }

    fn send(&self, update: Update) {
        // The bar ended with its thread. The command goes on.
        let _ = self.updates.send(update);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let (done, cleared) = channel();
        self.send(Update::Clear(done));
        let _ = cleared.recv_timeout(CLEAR_TIME);
    }
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg} {eta}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}
