//! `records`: lists the records themselves.

mod table;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join;
use tokio_util::sync::CancellationToken;

use super::arguments::ServeFlags;
use super::load::{cannot_list, load, select_project};
use super::output::{Output, cannot_write};
use super::progress::Progress;
use super::records_flags::{Format, RecordsFlags};
use crate::app::{App, Failure, shutdown_signal, unless_shutdown};
use crate::listing::{
    ListingOptions, Part, ReadError, RecordTotals, Row, SelectedListing, Selection,
};
use crate::project::Project;
use records_api::clock::SystemClock;
use records_api::record::{RejectionReason, TimeRange};
use writer::RowWriter;

/// A list holds names, so only its owner may read it.
const FILE_MODE: u32 = 0o600;

pub(super) async fn run(flags: &ServeFlags, list: &RecordsFlags) -> Result<(), Failure> {
    let range = checked_range(list)?;
    let mut config = load(flags)?;
    select_project(&mut config, list.project.as_deref())?;
    let shutdown = shutdown_signal()?;
    let app = App::without_state(config)?;
    let (output, file) = Output::begin(&list.output, FILE_MODE)?;
    let writer = RowWriter::new(file, list.format, list.raw, list.summary);
    let mut lister = Lister {
        range,
        selection: list.selection(),
        is_summary: list.summary,
        shutdown,
        path: list.output.clone(),
        records: 0,
        rejected: BTreeMap::new(),
        output: Some(ListOutput {
            writer: writer.map_err(|error| cannot_write(&list.output, &error))?,
            totals: RecordTotals::default(),
            selected: 0,
        }),
    };
    for project in app.collector().projects() {
        lister.list(project).await?;
    }
    lister.finish().await?;
    output.finish()
}

fn checked_range(list: &RecordsFlags) -> Result<TimeRange, Failure> {
    let (start, end) = (list.start, list.end);
    if start >= end {
        let (start, end) = (start.to_rfc3339(), end.to_rfc3339());
        return Err(Failure::Usage(format!("--start ({start}) is not before --end ({end})")));
    }
    if list.raw && list.format != Format::Csv {
        return Err(Failure::Usage("--raw is only accepted with --format csv".to_owned()));
    }
    Ok(TimeRange::new(start, end))
}

/// Lists projects one after the other.
struct Lister {
    range: TimeRange,
    selection: Selection,
    is_summary: bool,
    shutdown: CancellationToken,
    path: PathBuf,
    records: u64,
    rejected: BTreeMap<RejectionReason, u64>,
    /// Taken while a thread writes.
    output: Option<ListOutput>,
}

/// A list that is written.
struct ListOutput {
    writer: RowWriter,
    totals: RecordTotals,
    /// Number of records that were selected.
    selected: u64,
}

impl Lister {
    /// Lists the records of a project.
    async fn list(&mut self, project: &Project) -> Result<(), Failure> {
        let progress = Progress::new(project.name(), self.range);
        let failed = |error: ReadError| cannot_list(project.name(), &error);
        let (selection, has_pool_names) = self.selection_for(project).await?;
        let (selection, before) = (Arc::new(selection), self.selected());
        let config = project.config();
        let options = ListingOptions {
            client: config.client.clone(),
            clock: Arc::new(SystemClock),
            range: self.range,
            filter: config.options.filter.clone(),
            hides_names: false,
        };
        let listing = SelectedListing::new(options, &selection);
        let mut listing = self.unless_stopped(listing).await?.map_err(failed)?;
        let mut part = self.unless_stopped(listing.next_part()).await?.map_err(failed)?;
        while let Some(read) = part {
            for (reason, number) in &read.rejected {
                *self.rejected.entry(*reason).or_default() += number;
            }
            progress.reached(listing.position(), self.records);
            let shutdown = self.shutdown.clone();
            let write = self.write(project.name().to_owned(), read, selection.clone());
            let next = shutdown.run_until_cancelled(listing.next_part());
            let (written, next) = join(write, next).await;
            written?;
            part = next.ok_or_else(stopped)?.map_err(failed)?;
        }
        // Nothing shows whether the pool has no records, or --pool is a name that was not found.
        match &self.selection.pool {
            Some(pool) if !has_pool_names && self.selected() == before => {
                let project = project.name();
                Err(Failure::run(format!(
                    "{project}: no record has the pool ID {pool}, and the names of pools are not known: \
                     give the ID, or let the exporter read the names (`projects.pool_names`)"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Returns the selection with the ids of the pools that have the name in it, and whether names are
    /// known.
    async fn selection_for(&self, project: &Project) -> Result<(Selection, bool), Failure> {
        let mut selection = self.selection.clone();
        let config = project.config();
        let Some(name) = selection.pool.as_ref().filter(|_| config.options.pool_names) else {
            return Ok((selection, false));
        };
        // Boxed, because the future is large.
        match self.unless_stopped(Box::pin(config.client.desktop_pools())).await? {
            Ok(pools) => {
                let named = pools.into_iter().filter(|pool| pool.name == *name);
                selection.pool_ids = named.map(|pool| pool.id).collect();
                Ok((selection, true))
            }
            Err(error) => {
                let (project, remedy) = (project.name(), error.remedy());
                tracing::warn!(
                    project, %error, remedy,
                    "cannot read the names of desktop pools, so --pool is taken for an id"
                );
                Ok((selection, false))
            }
        }
    }

    fn selected(&self) -> u64 {
        self.output.as_ref().map_or(0, |output| output.selected)
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        self.shutdown.run_until_cancelled(work).await.ok_or_else(stopped)
    }

    /// Writes the selected records of a part, in a thread, because an output may block for long.
    async fn write(
        &mut self,
        project: String,
        part: Part,
        selection: Arc<Selection>,
    ) -> Result<(), Failure> {
        let is_summary = self.is_summary;
        self.records += part.len() as u64;
        self.with_output(move |output| {
            for record in part.into_records().filter(|record| selection.matches(record)) {
                output.selected += 1;
                if is_summary {
                    output.totals.add(&project, &record);
                } else {
                    output.writer.record(Row { project: &project, record: &record })?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let rejected: u64 = self.rejected.values().sum();
        if rejected > 0 {
            let reasons = self.rejected.iter();
            let reasons = reasons.map(|(reason, number)| format!("{}: {number}", reason.as_str()));
            let reasons = reasons.collect::<Vec<_>>().join(", ");
            tracing::warn!(rejected, reasons, "the list lacks rows that could not be understood");
        }
        self.with_output(|output| {
            output.writer.totals(&output.totals)?;
            output.writer.flush()
        })
        .await
    }

    async fn with_output(
        &mut self,
        write: impl FnOnce(&mut ListOutput) -> io::Result<()> + Send + 'static,
    ) -> Result<(), Failure> {
        let path = self.path.clone();
        let mut output = self.output.take().ok_or_else(stopped)?;
        let written = unless_shutdown(&self.shutdown, move || {
            write(&mut output).map_err(|error| cannot_write(&path, &error))?;
            Ok(output)
        });
        self.output = Some(written.await?.ok_or_else(stopped)?);
        Ok(())
    }
}

fn stopped() -> Failure {
    Failure::run("stopped by a signal before the list was complete")
}
