//! Opens the state of a project.

use std::path::Path;

use super::Failure;
use crate::ledger::{DurableLedger, SetAside};
use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;

/// Opens the state of a project.
pub(super) fn open_ledger(
    directory: Option<&Path>,
    project: &str,
) -> Result<DurableLedger, Failure> {
    let Some(directory) = directory else { return Ok(DurableLedger::default()) };
    let path = directory.join(format!("{project}.redb"));
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
