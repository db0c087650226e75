//! History of the counters and histograms from before counting began, made of the records themselves.
//!
//! Of a record only two entries are known: into RECORDING at its start, and into its present status at
//! its last update. [`Backfill`] takes the records of one project after the other. It spools them
//! (`rows`), because the label values that are shown are known only when all of them were read
//! (`label_values`). Then it adds up their entries by series and sample (`entries`), sorts these
//! outside of memory (`sorter`), and writes the samples of one series after the other (`samples`).
//! So memory depends on the number of label values and not on that of the records.

mod cells;
mod entries;
mod families;
mod files;
mod label_values;
mod moments;
mod rows;
mod samples;
mod sorter;

pub use families::LABELS;
pub use label_values::ValueLimits;
pub use samples::Written;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use records_api::record::{Record, Timestamp};

use crate::snapshot::{ProjectLabels, UserNames};
use entries::Entries;
use label_values::{KeptValues, LabelValues};
use moments::Moments;
use rows::{Row, Spool};
use samples::{ProjectSeries, write_samples};
use sorter::Sorter;

/// The projects so far.
#[derive(Debug)]
pub struct Backfill {
    /// Directory of temporary files.
    directory: PathBuf,
    /// Milliseconds between two samples.
    step_millis: i64,
    has_users: bool,
    projects: Vec<ProjectSeries>,
    cells: Sorter,
}

/// Form of a project's series.
#[derive(Debug, Clone)]
pub struct ProjectOptions {
    /// Labels of all series.
    pub labels: ProjectLabels,
    /// Form of user names.
    pub users: UserNames,
    /// Maximum number of label values.
    pub limits: ValueLimits,
    /// Time of the last sample. Entries at this time or later are left out.
    pub end: Timestamp,
}

/// The records of one project.
#[derive(Debug)]
pub struct ProjectRecords {
    options: ProjectOptions,
    kept: KeptValues,
    spool: Spool,
}

impl Backfill {
    /// Creates a history without projects. Temporary files have no name, so that none is left behind,
    /// and lie in `directory`. A step is at least a millisecond long.
    pub fn new(directory: &Path, step_millis: i64, has_users: bool) -> Self {
        Self {
            directory: directory.to_owned(),
            step_millis: step_millis.max(1),
            has_users,
            projects: Vec::new(),
            cells: Sorter::in_directory(directory),
        }
    }

    /// Begins a project.
    ///
    /// # Errors
    ///
    /// A temporary file cannot be created.
    pub fn begin(&self, options: ProjectOptions) -> io::Result<ProjectRecords> {
        let kept = KeptValues::new(&options.limits, options.labels.value_limit);
        Ok(ProjectRecords { options, kept, spool: Spool::in_directory(&self.directory)? })
    }

    /// Adds a project of which all records were added.
    ///
    /// # Errors
    ///
    /// A temporary file cannot be written or read.
    pub fn finish(&mut self, records: ProjectRecords) -> io::Result<()> {
        let ProjectRecords { options, kept, spool } = records;
        let moments = Moments::new(self.step_millis, options.end);
        let values = LabelValues::of(kept);
        let project = u16::try_from(self.projects.len()).map_err(io::Error::other)?;
        let has_users = self.has_users && options.users.kept().has_users();
        let entries = Entries { project, values: &values, moments, has_users };
        spool.read(|row| entries.add(row, &mut self.cells))?;
        let (labels, users) = (options.labels, options.users);
        self.projects.push(ProjectSeries { labels, users, values, moments });
        Ok(())
    }

    /// Writes everything as `OpenMetrics`.
    ///
    /// # Errors
    ///
    /// The output cannot be written, or a temporary file cannot be read.
    pub fn write(self, output: &mut impl Write) -> io::Result<Written> {
        write_samples(self.cells.sorted()?, &self.projects, output)
    }
}

impl ProjectRecords {
    /// Adds a record.
    ///
    /// # Errors
    ///
    /// The temporary file cannot be written.
    pub fn add(&mut self, record: &Record<'_>) -> io::Result<()> {
        let row = Row::of(record);
        self.kept.offer(&row);
        self.spool.push(&row)
    }
}
