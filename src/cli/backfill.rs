//! `backfill`: writes the history of the counters from before counting began.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use records_api::clock::{Clock, SystemClock};
use records_api::record::{TimeRange, Timestamp};
use records_api::run_blocking;

use super::arguments::ServeFlags;
use super::backfill_flags::BackfillFlags;
use super::load::{cannot_list, load, select_project};
use super::output::{Output, cannot_write};
use super::progress::Progress;
use crate::app::{App, Failure, STDERR, counting_since, shutdown_signal};
use crate::backfill::{Backfill, LABELS, ProjectOptions, ProjectRecords, ValueLimits, Written};
use crate::config::{self, Config, UserLabel, check_label};
use crate::listing::{Listing, ListingOptions};
use crate::project::Project;

/// Maximum age of samples that are only in the head of a Prometheus. At a restart it drops those that are
/// older than the end of its newest block.
const MAX_HEAD_MILLIS: i64 = 3 * 3_600_000;
/// Maximum length of the blocks that promtool makes. It reads the whole file once for each of them.
const MAX_BLOCK_DURATION: &str = "162h";

/// The output may hold names of users.
const FILE_MODE: u32 = 0o600;

pub(super) async fn run(flags: &ServeFlags, backfill: &BackfillFlags) -> Result<(), Failure> {
    let mut config = load(flags)?;
    select_project(&mut config, backfill.project.as_deref())?;
    if backfill.users && config.labels.user == UserLabel::Drop {
        let text = "--users is not accepted, because `labels.user` is \"drop\"";
        return Err(Failure::Usage(text.to_owned()));
    }
    check_labels(&config, &backfill.labels)?;
    let ends = ends(&config, backfill).await?;
    let end = ends.iter().copied().max().unwrap_or(backfill.start);
    let shutdown = shutdown_signal()?;
    let (output, mut file) = Output::begin(&backfill.output, FILE_MODE)?;
    let reader = Reader { flags: backfill, directory: temporary_directory(&backfill.output) };
    let written = async {
        let history = reader.read(config, &ends).await?;
        let written = run_blocking(move || history.write(&mut file)).await.map_err(Failure::run)?;
        written.map_err(|error| cannot_write(&backfill.output, &error))
    };
    let Some(written) = shutdown.run_until_cancelled(written).await else {
        return Err(Failure::run("stopped by a signal before the history was complete"));
    };
    let written = written?;
    output.finish()?;
    STDERR.push(report(&backfill.output, &written, end).as_bytes());
    Ok(())
}

/// Checks the labels of the command line. A series must not have two labels of a name.
fn check_labels(config: &Config, labels: &[(String, String)]) -> Result<(), Failure> {
    let refused = |name: &str, why: &str| Failure::Usage(format!("--label: {name:?} {why}"));
    for (number, (name, value)) in labels.iter().enumerate() {
        check_label(name, value, &LABELS).map_err(|why| refused(name, &why))?;
        if value.len() > config.labels.max_value_bytes {
            return Err(refused(name, "has a value longer than labels.max_value_bytes"));
        }
        if labels[..number].iter().any(|(other, _)| other == name) {
            return Err(refused(name, "is given twice"));
        }
        let has_it = |project: &&config::Project| project.labels.iter().any(|(own, _)| own == name);
        if let Some(project) = config.projects.iter().find(has_it) {
            let why = format!("is already a label of the project {} in the config", project.name);
            return Err(refused(name, &why));
        }
    }
    Ok(())
}

/// Returns the time of the last samples of each project.
async fn ends(config: &Config, backfill: &BackfillFlags) -> Result<Vec<Timestamp>, Failure> {
    let now = Timestamp::from_millis(SystemClock.now_millis());
    let mut ends = Vec::new();
    for (project, since) in config.projects.iter().zip(counting_since(config).await?) {
        let latest = since.unwrap_or(now);
        let end = backfill.end.unwrap_or(latest);
        if end > latest {
            let what = match since {
                Some(_) => format!("live counting of {} began at", project.name),
                None => "it is".to_owned(),
            };
            let (end, latest) = (end.to_rfc3339(), latest.to_rfc3339());
            return Err(Failure::Usage(format!("--end: {end} is too late; {what} {latest}")));
        }
        if backfill.start >= end {
            let (start, end) = (backfill.start.to_rfc3339(), end.to_rfc3339());
            return Err(Failure::Usage(format!("--start ({start}) is not before the end ({end})")));
        }
        ends.push(end);
    }
    Ok(ends)
}

/// Returns the directory of temporary files. Beside a file there is room for it.
fn temporary_directory(output: &Path) -> PathBuf {
    let is_file = output != Path::new("-") && output.metadata().is_ok_and(|known| known.is_file());
    let is_new = output != Path::new("-") && !output.exists();
    match output.parent() {
        Some(parent) if (is_file || is_new) && parent != Path::new("") => parent.to_owned(),
        Some(_) if is_file || is_new => PathBuf::from("."),
        _ => std::env::temp_dir(),
    }
}

/// Reads the records of the projects.
struct Reader<'f> {
    flags: &'f BackfillFlags,
    /// Directory of temporary files.
    directory: PathBuf,
}

impl Reader<'_> {
    /// Reads the records of all projects, one after the other.
    async fn read(&self, config: Config, ends: &[Timestamp]) -> Result<Backfill, Failure> {
        let app = App::without_state(config)?;
        let step_millis = i64::try_from(self.flags.step.as_millis()).map_err(Failure::run)?;
        let mut history = Backfill::new(&self.directory, step_millis, self.flags.users);
        for (project, end) in app.collector().projects().iter().zip(ends) {
            let config = project.config();
            let mut labels = (*config.labels).clone();
            labels.constant.extend(self.flags.labels.iter().cloned());
            let (users, options) = (config.options.users.initial(), &config.options);
            let limits = ValueLimits { users: options.max_users, pools: options.max_pools };
            let options = ProjectOptions { labels, users, limits, end: *end };
            let records = history.begin(options).map_err(|error| self.failed(&error))?;
            let records = self.read_project(project, *end, records).await?;
            let finished = run_blocking(move || history.finish(records).map(|()| history));
            let finished = finished.await.map_err(Failure::run)?;
            history = finished.map_err(|error| self.failed(&error))?;
        }
        Ok(history)
    }

    /// Reads the records of a project.
    async fn read_project(
        &self,
        project: &Project,
        end: Timestamp,
        mut records: ProjectRecords,
    ) -> Result<ProjectRecords, Failure> {
        let config = project.config();
        let range = TimeRange::new(self.flags.start, end);
        let mut listing = Listing::new(ListingOptions {
            client: config.client.clone(),
            clock: Arc::new(SystemClock),
            range,
            filter: config.options.filter.clone(),
            hides_names: !config.options.users.initial().are_shown(),
        });
        let progress = Progress::new(project.name(), range);
        loop {
            let part = listing.next_part().await;
            let part = part.map_err(|error| cannot_list(project.name(), &error))?;
            let Some(part) = part else { break };
            for record in part.into_records() {
                records.add(&record).map_err(|error| self.failed(&error))?;
            }
            progress.reached(listing.position(), listing.summary().0);
        }
        let rejected: u64 = listing.summary().1.values().sum();
        if rejected > 0 {
            let project = project.name();
            tracing::warn!(
                project,
                rejected,
                "the history lacks rows that could not be understood"
            );
        }
        Ok(records)
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        let directory = self.directory.display();
        Failure::run(format!("cannot use a temporary file in {directory}: {error}"))
    }
}

/// Returns what was written, and how to load it.
fn report(path: &Path, written: &Written, end: Timestamp) -> String {
    let Written { series, samples, bytes } = written;
    let file = shell_quoted(path);
    let safe = end.plus_millis(MAX_HEAD_MILLIS).to_rfc3339();
    format!(
        "{samples} samples of {series} series, {bytes} bytes\n\
         To load them into Prometheus, make blocks, and move these into its data directory:\n  \
         promtool tsdb create-blocks-from openmetrics --max-block-duration={MAX_BLOCK_DURATION} {file} \
         blocks\n\
         Do not move them into a running Prometheus before {safe}: it would lose samples of all jobs at \
         its next restart.\n\
         To load them into VictoriaMetrics:\n  \
         curl -X POST -T {file} http://localhost:8428/api/v1/import/prometheus\n"
    )
}

/// Returns a path as a word of a shell.
fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
