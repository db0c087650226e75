//! The error that failing projects have in common, with its remedy.

use super::row::Row;
use crate::http::page::html::{age, escaped, moment, with_code};
use crate::snapshot::Failure;
use records_api::THROTTLED_REMEDY;
use records_api::record::Timestamp;

/// Formats what somebody should know about projects that [share a note](Row::shares_note_with). The details
/// show the error of each project.
pub(super) fn note(rows: &[Row<'_>], now: Timestamp) -> Option<String> {
    let failures = rows.iter().filter_map(|row| Some((row, row.status.failure.as_ref()?)));
    if let Some((row, failure)) = failures.min_by_key(|(_, failure)| failure.since) {
        return Some(error(row.status.view.project(), failure, rows.len(), now));
    }
    rows.iter().any(Row::is_throttled).then(|| {
        format!(
            "Throttled: the API refuses requests that come too fast (429), and the first sync waits.\
             <br>Remedy: {}",
            with_code(THROTTLED_REMEDY)
        )
    })
}

/// Formats the error of the project that has been failing the longest.
fn error(project: &str, failure: &Failure, projects: usize, now: Timestamp) -> String {
    let (since, age) = (moment(failure.since), age(now, failure.since));
    let (what, remedy) = (with_code(&failure.what), with_code(&failure.remedy));
    let what = match projects {
        1 => format!("Failing since {since} ({age}): {what}"),
        _ => format!(
            "{projects} projects are failing, the first since {since} ({age}), {}: {what}",
            escaped(project)
        ),
    };
    format!("{what}<br>Remedy: {remedy}")
}
