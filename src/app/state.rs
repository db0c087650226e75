//! States of the projects.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::ledger::{DurableLedger, OpenError, SetAside};
use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;

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

/// Returns the time at which live counting of a project began; `None` if it has not begun. An exporter may
/// have the state open.
pub(crate) fn counting_since(
    directory: Option<&Path>,
    project: &str,
) -> Result<Option<Timestamp>, Failure> {
    let Some(directory) = directory else { return Ok(None) };
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

fn state_path(directory: &Path, project: &str) -> PathBuf {
    directory.join(format!("{project}.redb"))
}
