//! The simulated time of the exporter's process and of its API.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::harness::NOW;

/// A clock that stands still until it is advanced.
pub(super) struct Clock {
    now: Arc<AtomicI64>,
    /// File that the library maps: see `tests/compare/clock.c`.
    file: File,
    path: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// Compiles the library that replaces the clocks of a process.
    pub(super) fn new(folder: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compare/clock.c");
        let (path, library) = (folder.join("clock"), folder.join("clock.so"));
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        assert!(compiler.status().unwrap().success(), "the tests need a C compiler");
        std::fs::write(&path, [0; 24]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let clock = Self { now: Arc::new(AtomicI64::new(NOW)), file, path, library };
        clock.write();
        clock
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Time since the clock was made.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now() - NOW).unwrap())
    }

    /// Returns a function that reads this clock.
    pub(super) fn reader(&self) -> impl Fn() -> i64 + Send + Sync + 'static {
        let now = self.now.clone();
        move || now.load(Ordering::Relaxed)
    }

    pub(super) fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
        self.write();
    }

    /// Advances to a time since the clock was made, unless it is past.
    pub(super) fn advance_to(&self, elapsed: Duration) {
        self.advance(elapsed.saturating_sub(self.elapsed()));
    }

    /// Makes a process follow this clock.
    pub(super) fn rule(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("COMPARE_CLOCK", &self.path);
    }

    /// Returns whether the process waits for time to pass.
    pub(super) fn has_waiter(&self) -> bool {
        let mut millis = [0; 8];
        self.file.read_exact_at(&mut millis, 16).unwrap();
        i64::from_ne_bytes(millis) > 0
    }

    /// Writes the time of day and the lead of the monotonic clock.
    fn write(&self) {
        let now = self.now() * 1_000_000;
        let passed = (self.now() - NOW) * 1_000_000;
        let bytes = [now.to_ne_bytes(), passed.to_ne_bytes()].concat();
        self.file.write_all_at(&bytes, 0).unwrap();
    }
}
