//! Checks of a row against the filter of its request. An API may ignore a filter silently.

use crate::ledger::Ledger;
use records_api::RecordsFilter;
use records_api::record::{Record, RecordKey, Status, Term};

/// Result of the check of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterMatch {
    /// The record matches.
    Yes,
    /// The record does not match, so the API ignores the filter.
    No,
    /// The row has no status, and the record is not known in the status of the filter.
    Unknown,
}

/// Checks a record against the project's filter.
///
/// A row without a status says nothing about the status. If it counted as a mismatch, one answer
/// without statuses would empty the window of a project that filters by status.
pub(super) fn check(
    filter: &RecordsFilter,
    key: RecordKey,
    record: &Record<'_>,
    ledger: &Ledger,
) -> FilterMatch {
    if !matches(filter, record) {
        return FilterMatch::No;
    }
    match filter.status {
        Some(status) if record.status == Term::Absent => {
            if ledger.has_status(key, status) {
                FilterMatch::Yes
            } else {
                FilterMatch::Unknown
            }
        }
        Some(status) if record.status != Term::Known(status) => FilterMatch::No,
        _ => FilterMatch::Yes,
    }
}

/// Returns whether a record has another status than the one that was asked for.
pub(super) fn has_other_status(record: &Record<'_>, status: Status) -> bool {
    !matches!(&record.status, Term::Absent) && record.status != Term::Known(status)
}

/// Returns whether a record matches the filter except for the status.
fn matches(filter: &RecordsFilter, record: &Record<'_>) -> bool {
    let is = |wanted: &Option<String>, value: &Option<std::borrow::Cow<'_, str>>| {
        wanted.as_ref().is_none_or(|wanted| value.as_deref() == Some(wanted))
    };
    let names = &filter.desktop_names;
    is(&filter.desktop_id, &record.desktop_id)
        && is(&filter.username, &record.username)
        && (names.is_empty()
            || record.desktop_name.as_deref().is_some_and(|name| names.iter().any(|n| n == name)))
        && filter.record_type.is_none_or(|kind| record.record_type == Term::Known(kind))
}
