//! Opens the state of a project.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

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
    let unusable = |error: io::Error| {
        let error = OpenError::Unusable { path: directory.to_owned(), error };
        Failure::run(format!("{error}; {}", error.remedy()))
    };
    if !directory.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    }
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
