//! States of the projects.

use std::path::{Path, PathBuf};

use super::Failure;
use super::state_database::{connections, read_states};
use crate::config::Config;
use crate::ledger::{DurableLedger, OpenError, SetAside};
use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;

/// Extension of the files of states.
pub(super) const EXTENSION: &str = "redb";

/// Opens the state of a project.
pub(super) fn open_ledger(
    directory: Option<&Path>,
    project: &str,
) -> Result<DurableLedger, Failure> {
    let Some(directory) = directory else { return Ok(DurableLedger::default()) };
    let path = state_path(directory, project);
    let now = Timestamp::from_millis(SystemClock.now_millis());
    let (ledger, aside) = DurableLedger::open(&path, now)
        .map_err(|error| Failure::run(format!("{error}; {}", error.remedy())))?;
    if let Some(SetAside { path: aside, why }) = aside {
        let (path, aside) = (path.display(), aside.display());
        tracing::error!(
            project, %path, %aside, why,
            "the state is damaged and was set aside: counters start again at 0, and earlier \
             failures are not counted"
        );
    }
    Ok(ledger)
}

/// Returns the times at which live counting of the projects began; `None` for each where it has not. An
/// exporter may have the states open.
pub(crate) async fn counting_since(config: &Config) -> Result<Vec<Option<Timestamp>>, Failure> {
    if let Some(connections) = connections(config)? {
        let ledgers = read_states(config, &connections).await?;
        let since = |ledger: &DurableLedger| ledger.last_poll().map(|poll| poll.counting_since);
        return Ok(ledgers.iter().map(since).collect());
    }
    let Some(directory) = config.state_directory() else {
        return Ok(vec![None; config.projects.len()]);
    };
    let since = config.projects.iter().map(|project| counting_since_in(directory, &project.name));
    since.collect()
}

fn counting_since_in(directory: &Path, project: &str) -> Result<Option<Timestamp>, Failure> {
    let since = DurableLedger::counting_since(&state_path(directory, project));
    since.map_err(|error| match error {
        OpenError::Locked(path) => Failure::run(format!(
            "{project}: it is not known when counting began: the state {} is in use by another process; \
             wait until its first sync is complete, and restart it if it is of an earlier version",
            path.display()
        )),
        error => Failure::run(format!("{project}: {error}; {}", error.remedy())),
    })
}

/// Returns the path of the state of a project.
pub(super) fn state_path(directory: &Path, project: &str) -> PathBuf {
    directory.join(format!("{project}.{EXTENSION}"))
}
