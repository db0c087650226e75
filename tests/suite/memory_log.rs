//! A log that replicas share, in memory: it can refuse commits, lose answers to them, and be left by a
//! process that is killed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use screen_records_exporter::ledger::{CommitError, DurableLedger, LogEnd, SharedLog};
use screen_records_exporter::project::Project;

/// A shared log. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryLog(Arc<Mutex<Content>>);

#[derive(Debug, Clone, Default)]
struct Content {
    end: LogEnd,
    /// Frames of the base, from number `end.first` on.
    frames: Vec<Vec<u8>>,
    /// True if nothing can be written.
    is_full: bool,
    /// True if the answer to the next commit is lost.
    loses_answer: bool,
}

/// The log as its leader sees it.
#[derive(Debug)]
struct LeadLog {
    log: MemoryLog,
    end: LogEnd,
}

impl MemoryLog {
    /// Nothing can be written, or it can again.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.0.lock().unwrap().is_full = is_full;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.lock().unwrap().is_full
    }

    /// The next commit is written, and its leader does not learn of it.
    pub(crate) fn lose_answer(&self) {
        self.0.lock().unwrap().loses_answer = true;
    }

    /// The log with what was written by now. What is written to this one afterwards is written for nobody.
    pub(crate) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    /// Number of frames that a new replica reads.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().frames.len()
    }

    fn next_leadership(&self) -> LogEnd {
        let mut content = self.0.lock().unwrap();
        content.end.epoch += 1;
        content.end.token = 1000 + content.end.epoch;
        content.end
    }

    /// A replica leads the project from now on, after it has read the log. The one before is fenced.
    pub(crate) fn lead(&self, project: &Arc<Project>) {
        let end = self.next_leadership();
        self.follow(project);
        let log = LeadLog { log: self.clone(), end };
        assert!(project.lead(Box::new(log)), "the log was read");
    }

    /// A replica leads the project from now on, and writes its whole state again.
    pub(crate) fn restore(&self, project: &Project) {
        let known = project.known_log_end().unwrap();
        let end = self.next_leadership();
        let log = LeadLog { log: self.clone(), end };
        assert!(project.restore(Box::new(log), known).unwrap(), "it has what it knows");
    }

    /// True if a frame contains this text.
    pub(crate) fn contains(&self, text: &str) -> bool {
        let content = self.0.lock().unwrap();
        content
            .frames
            .iter()
            .any(|frame| frame.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// A replica applies what it does not have.
    pub(crate) fn follow(&self, project: &Project) {
        let Content { end, frames, .. } = self.0.lock().unwrap().clone();
        let known = project.known_log_end().unwrap();
        let is_rewrite =
            (known.epoch, known.token) == (end.epoch, end.token) && known.next == end.first;
        let read = |ledger: &mut DurableLedger| -> Result<(), String> {
            let next = ledger.log_end().unwrap().next;
            for frame in &frames[usize::try_from(next - end.first).unwrap()..] {
                ledger.apply_frame(frame)?;
            }
            ledger.end_frames(end)
        };
        if known.token != 0 && (known.base == end.base || is_rewrite) {
            let followed = project.follow(|ledger| {
                if known.base != end.base {
                    ledger.follow_rewrite(end);
                }
                read(ledger)
            });
            followed.unwrap();
        } else {
            let mut ledger = DurableLedger::following();
            ledger.follow_from(end);
            read(&mut ledger).unwrap();
            project.replace_ledger(ledger);
        }
    }
}

impl LeadLog {
    fn write(&mut self, change: impl FnOnce(&mut Content)) -> Result<(), CommitError> {
        let mut content = self.log.0.lock().unwrap();
        if content.is_full || content.end != self.end {
            let why = if content.is_full { "no space left" } else { "another replica leads" };
            return Err(CommitError::of_log("in memory", why, "none"));
        }
        change(&mut content);
        if std::mem::take(&mut content.loses_answer) {
            return Err(CommitError::of_log("in memory", "the answer was lost", "none"));
        }
        self.end = content.end;
        Ok(())
    }
}

impl SharedLog for LeadLog {
    fn end(&self) -> LogEnd {
        self.end
    }

    fn append(&mut self, frames: &[Vec<u8>], _: Duration) -> Result<(), CommitError> {
        self.write(|content| {
            content.frames.extend_from_slice(frames);
            content.end.next += i64::try_from(frames.len()).unwrap();
        })
    }

    fn rewrite(
        &mut self,
        frames: &mut (dyn Iterator<Item = Vec<u8>> + Send),
    ) -> Result<(), CommitError> {
        let frames: Vec<_> = frames.collect();
        self.write(|content| {
            let end = &mut content.end;
            end.base += 1;
            end.first = end.next;
            end.next += i64::try_from(frames.len()).unwrap();
            end.appended = end.next;
            content.frames = frames;
        })
    }
}
