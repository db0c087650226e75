//! Requests that show how the API answers, for `check --online`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::listing::{ReadFailure, check_time};
use crate::project::error::PollError;
use crate::project::options::PollOptions;
use records_api::record::{Term, Timestamp};
use records_api::wire::Page;
use records_api::{Client, PageSizing, RecordsQuery};

/// Facts about one page of records and the list of pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCheck {
    /// Number of rows requested.
    pub requested: u32,
    /// Number of rows returned.
    pub rows: usize,
    /// Number of rows that could not be understood.
    pub rejected: usize,
    /// The API's count of the records in the window, if usable.
    pub total_count: Option<u64>,
    /// Statuses of the rows: the code of a known one, the text of an unknown one.
    pub statuses: BTreeSet<String>,
    /// Time in milliseconds by which the API's clock is ahead; `None` if the answer has no `Date`.
    pub clock_ahead_millis: Option<i64>,
    /// Age of the answer, if it comes from a cache.
    pub age: Option<Duration>,
    /// Number of desktop pools, or the error and the remedy; `None` if the config does not request
    /// their names.
    pub pools: Option<Result<usize, (String, String)>>,
}

/// Maximum number of rows whose statuses are listed.
const MAX_ROWS: usize = 1000;

impl ApiCheck {
    /// Returns the facts as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let total = self.total_count.map_or_else(
            || "no usable total_count".to_owned(),
            |total| format!("total_count {total}"),
        );
        let statuses: Vec<_> = self.statuses.iter().map(String::as_str).collect();
        let clock = self.clock_ahead_millis.map_or_else(
            || "unknown, because the answer has no Date".to_owned(),
            |ahead| match ahead / 1000 {
                0 => "same as this machine's".to_owned(),
                seconds if seconds > 0 => format!("{seconds} s ahead of this machine's"),
                seconds => format!("{} s behind this machine's", -seconds),
            },
        );
        let mut lines = vec![
            format!(
                "rows of the window: {} requested, {} returned; {total}",
                self.requested, self.rows
            ),
            format!("rows that could not be understood: {}", self.rejected),
            format!("statuses on this page: {}", statuses.join(", ")),
            format!("clock of the API: {clock}"),
        ];
        if let Some(age) = self.age {
            let age = humantime::format_duration(age);
            lines.push(format!("warning: the answer comes from a cache and is {age} old"));
        }
        match &self.pools {
            Some(Ok(pools)) => lines.push(format!("desktop pools: {pools}")),
            Some(Err((error, remedy))) => lines.push(format!(
                "warning: the names of the desktop pools cannot be read: {error}: {remedy}. \
                 Only the metrics of pools depend on it; `projects.pool_names = false` turns it off"
            )),
            None => {}
        }
        lines
    }
}

pub(in crate::project) async fn check_api(
    client: &Client,
    window_start: Timestamp,
    options: &PollOptions,
    hides_names: bool,
) -> Result<ApiCheck, PollError> {
    let filter = options.filter.clone();
    let query = RecordsQuery::ascending(window_start, 0, client.page_size(), filter)
        .hiding_names(hides_names);
    let failed = |failure: ReadFailure| PollError::at(client.records_path(&query), failure);
    let listed = client
        .list_records(&query, PageSizing::Shrinking)
        .await
        .map_err(|error| failed(error.into()))?;
    check_time(&listed).map_err(failed)?;
    let mut pools = None;
    if options.pool_names {
        let list = client.desktop_pools().await;
        pools = Some(list.map(|p| p.len()).map_err(|error| (error.to_string(), error.remedy())));
    }
    // The client may have lowered the page size to one that the API grants.
    let facts = facts(client.page_size(), listed.page.page());
    Ok(ApiCheck { clock_ahead_millis: listed.clock_ahead_millis, age: listed.age, pools, ..facts })
}

fn facts(requested: u32, page: &Page<'_>) -> ApiCheck {
    let records = page.rows.iter().flatten();
    let statuses = records.map(|record| match &record.status {
        Term::Known(status) => status.code().to_owned(),
        Term::Unknown(text) => format!("{text:?} (unknown)"),
        Term::Absent => "none".to_owned(),
    });
    ApiCheck {
        requested,
        rows: page.rows.len(),
        rejected: page.rows.iter().filter(|row| row.is_err()).count(),
        total_count: page.total_count,
        statuses: statuses.take(MAX_ROWS).collect(),
        clock_ahead_millis: None,
        age: None,
        pools: None,
    }
}
