//! One request, to see what the API is like before anything depends on it.

use std::collections::BTreeSet;

use super::reader::check_clock;
use crate::project::error::{PollError, Reason};
use records_api::record::{Term, Timestamp};
use records_api::wire::Page;
use records_api::{Client, RecordsFilter, RecordsQuery};

/// What one request found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Rows asked for.
    pub asked: u32,
    /// Rows that came.
    pub rows: usize,
    /// Rows that could not be understood.
    pub rejected: usize,
    /// The API's count of the window.
    pub total_count: Option<u64>,
    /// Statuses as they came, codes for those understood.
    pub statuses: BTreeSet<String>,
    /// Difference of the clocks in milliseconds, if the answer had a date.
    pub clock_ahead_millis: Option<i64>,
}

impl Found {
    /// For people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let total = self.total_count.map_or_else(
            || "no usable total_count".to_owned(),
            |total| format!("total_count {total}"),
        );
        let statuses: Vec<_> = self.statuses.iter().map(String::as_str).collect();
        let clock = self.clock_ahead_millis.map_or_else(
            || "unknown: the answer had no date".to_owned(),
            |ahead| match ahead / 1000 {
                0 => "as this machine's".to_owned(),
                seconds if seconds > 0 => format!("{seconds} s ahead of this machine's"),
                seconds => format!("{} s behind this machine's", -seconds),
            },
        );
        vec![
            format!("asked for {} rows of the window, got {}; {total}", self.asked, self.rows),
            format!("rows that could not be understood: {}", self.rejected),
            format!("statuses on this page: {}", statuses.join(", ")),
            format!("the API's clock: {clock}"),
        ]
    }
}

pub(in crate::project) async fn probe(
    client: &Client,
    window_start: Timestamp,
    filter: &RecordsFilter,
) -> Result<Found, PollError> {
    let query = RecordsQuery::ascending(window_start, 0, client.page_size(), filter.clone());
    let failed = |reason: Reason| PollError::at(client.records_path(&query), reason);
    let listed = client.list_records(&query, true).await.map_err(|error| failed(error.into()))?;
    check_clock(listed.clock_ahead_millis).map_err(failed)?;
    let found = look_at(listed.page.page());
    let asked = client.page_size();
    Ok(Found { asked, clock_ahead_millis: listed.clock_ahead_millis, ..found })
}

fn look_at(page: &Page<'_>) -> Found {
    let records = page.rows.iter().flatten();
    Found {
        asked: 0,
        rows: page.rows.len(),
        rejected: page.rows.iter().filter(|row| row.is_err()).count(),
        total_count: page.total_count,
        statuses: records
            .map(|record| match &record.status {
                Term::Known(status) => status.code().to_owned(),
                Term::Unknown(text) => format!("{text:?} (unknown)"),
                Term::Absent => "none".to_owned(),
            })
            .take(1000)
            .collect(),
        clock_ahead_millis: None,
    }
}
