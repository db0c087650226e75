//! Entries of a record, counted as the ledger counts those that a poll sees.

use std::io;

use records_api::record::{Status, Timestamp};

use super::cells::{Cell, CellKey, SeriesKey};
use super::families::Family;
use super::label_values::LabelValues;
use super::moments::Moments;
use super::rows::{NONE, Row};
use super::sorter::Sorter;

/// Turns the rows of a project into cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'v> {
    /// Number of the project.
    pub(super) project: u16,
    pub(super) values: &'v LabelValues,
    pub(super) moments: Moments,
    /// True if there are series by user.
    pub(super) has_users: bool,
}

/// Sample in which an entry shows, and the labels of its series.
struct Entry {
    sample: i64,
    project: u16,
    record_type: u32,
    pool: u32,
}

impl Entries<'_> {
    /// Adds the entries of a row.
    pub(super) fn add(self, row: &Row<'_>, cells: &mut Sorter) -> io::Result<()> {
        let recording = Status::Recording.code();
        self.enter(recording, row.start, row, cells)?;
        // Nothing is known about the time since the start.
        if row.status == NONE || row.status == recording {
            return Ok(());
        }
        let Some(entry) = self.enter(&row.status, row.update, row, cells)? else { return Ok(()) };
        let known = row.known_status();
        if known.is_some_and(Status::is_settled) {
            entry.observe(Family::FileSize, row.size_bytes, cells)?;
            entry.observe(Family::VideoDuration, row.duration_seconds.map(u64::from), cells)?;
        }
        if known == Some(Status::UploadCompleted) {
            entry.upload(Family::UploadedBytes, row.size_bytes, cells)?;
            entry.upload(Family::UploadedSeconds, row.duration_seconds.map(u64::from), cells)?;
            entry.observe(Family::UploadDelay, row.delay_millis, cells)?;
        }
        Ok(())
    }

    /// Counts an entry into a status. Returns `None` if it is too late.
    fn enter(
        self,
        status: &str,
        time: Timestamp,
        row: &Row<'_>,
        cells: &mut Sorter,
    ) -> io::Result<Option<Entry>> {
        let Some(sample) = self.moments.first_after(time) else { return Ok(None) };
        let entry = Entry {
            sample,
            project: self.project,
            record_type: self.values.types().number(&row.record_type),
            pool: self.values.pools().number(&row.pool),
        };
        let status = self.values.statuses().number(status);
        entry.count(Family::Transitions, [status, entry.record_type, entry.pool], 0, cells)?;
        if self.has_users {
            let user = self.values.users().number(&row.user);
            entry.count(Family::UserTransitions, [user, status, 0], 0, cells)?;
        }
        Ok(Some(entry))
    }
}

impl Entry {
    /// Adds to the counter of what was uploaded. A missing value counts as 0.
    fn upload(&self, family: Family, value: Option<u64>, cells: &mut Sorter) -> io::Result<()> {
        self.count(family, [self.record_type, self.pool, 0], value.unwrap_or(0), cells)
    }

    fn count(
        &self,
        family: Family,
        labels: [u32; 3],
        value: u64,
        cells: &mut Sorter,
    ) -> io::Result<()> {
        cells.push(self.cell(family, labels, 0, value))
    }

    /// Adds an observation to a histogram. A missing value is not observed.
    fn observe(&self, family: Family, value: Option<u64>, cells: &mut Sorter) -> io::Result<()> {
        let (Some(value), Some(series)) = (value, family.histogram()) else { return Ok(()) };
        let bounds = series.bounds();
        let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        cells.push(self.cell(family, [self.record_type, 0, 0], bucket, value))
    }

    fn cell(&self, family: Family, labels: [u32; 3], bucket: usize, value: u64) -> Cell {
        let series = SeriesKey { family, project: self.project, labels };
        let bucket = u8::try_from(bucket).expect("a histogram has a few buckets");
        let key = CellKey { series, sample: self.sample, bucket };
        Cell { key, count: 1, sum: value.into() }
    }
}
