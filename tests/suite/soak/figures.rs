//! Resources that the exporter uses on each simulated day.

use std::fmt::Write as _;

use super::exporter::Usage;

/// Name of a figure, and how it is taken from a day.
type Figure = (&'static str, fn(&Day) -> u64);

/// The figures that must not grow.
const FIGURES: [Figure; 5] = [
    ("memory", |day| day.usage.resident_bytes),
    ("descriptors", |day| day.usage.descriptors),
    ("threads", |day| day.usage.threads),
    ("disk", |day| day.usage.disk_bytes),
    ("log", |day| day.log_bytes),
];

/// The greatest values of a day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Day {
    pub(super) usage: Usage,
    pub(super) log_bytes: u64,
    pub(super) scrapes: u64,
}

/// The days so far.
#[derive(Default)]
pub(super) struct Figures {
    days: Vec<Day>,
    today: Day,
    logged: u64,
}

impl Figures {
    pub(super) fn note_scrape(&mut self) {
        self.today.scrapes += 1;
    }

    pub(super) fn note_usage(&mut self, usage: Usage) {
        let most = &mut self.today.usage;
        most.resident_bytes = most.resident_bytes.max(usage.resident_bytes);
        most.descriptors = most.descriptors.max(usage.descriptors);
        most.threads = most.threads.max(usage.threads);
        most.disk_bytes = most.disk_bytes.max(usage.disk_bytes);
    }

    /// Ends the day. `logged` is the length of the log so far.
    pub(super) fn end_day(&mut self, logged: u64) {
        self.today.log_bytes = logged - self.logged;
        self.logged = logged;
        self.days.push(std::mem::take(&mut self.today));
    }

    /// Returns the figures as CSV.
    pub(super) fn csv(&self) -> String {
        let mut csv =
            "day,resident_bytes,descriptors,threads,disk_bytes,log_bytes,scrapes\n".to_owned();
        for (number, day) in self.days.iter().enumerate() {
            let Usage { resident_bytes, descriptors, threads, disk_bytes } = day.usage;
            let (day_number, log, scrapes) = (number + 1, day.log_bytes, day.scrapes);
            let _ = writeln!(
                csv,
                "{day_number},{resident_bytes},{descriptors},{threads},{disk_bytes},{log},{scrapes}"
            );
        }
        csv
    }

    /// Requires that no day has a greater value.
    pub(super) fn require_within(&self, limit: Day) {
        for (name, figure) in FIGURES {
            let most = self.days.iter().map(figure).max().unwrap();
            assert!(most <= figure(&limit), "{name}: {most}\n{}", self.csv());
        }
    }

    /// Requires that no value of the second half of the days is more than `limit` times the greatest of
    /// the first half.
    pub(super) fn require_flat(&self, limit: f64) {
        let (first, second) = self.days.split_at(self.days.len() / 2);
        for (name, figure) in FIGURES {
            let most = |days: &[Day]| days.iter().map(figure).max().unwrap() as f64;
            let (before, after) = (most(first), most(second));
            assert!(after <= before * limit, "{name}: {before}, then {after}\n{}", self.csv());
        }
    }
}
