//! Selection of failed records, and `/api/v1/failures`. `docs/failures.md` documents the parameters, the
//! JSON and the CSV.

mod query;
mod row;

use std::cmp::Reverse;
use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

pub(super) use query::Query;
pub(super) use row::Row;

use super::links::Links;
use super::lists::{Format, add_next, csv, csv_answer, json_answer, next_offset};
use crate::project::Project;
use crate::snapshot::FailedRecords;
use records_api::record::Timestamp;

/// Failures that match a query.
pub(super) struct Matches<'a> {
    /// Matching failures, newest first, from [`Query::offset`] on, at most [`Query::limit`].
    pub(super) rows: Vec<Row<'a>>,
    /// Number of matching failures.
    pub(super) total: usize,
    /// Parameters whose value no failed record of the selected projects has, with that value.
    pub(super) unknown: Vec<(&'static str, &'a str)>,
}

impl Matches<'_> {
    /// Returns the position of the first matching failure after those in `rows`.
    pub(super) fn next_offset(&self, query: &Query) -> Option<usize> {
        next_offset(query.offset, self.rows.len(), self.total)
    }
}

/// Returns the failed records of the projects that `query` selects.
pub(super) fn selected(projects: &[Arc<Project>], query: &Query) -> Vec<FailedRecords> {
    let selected =
        projects.iter().filter(|of| query.project.as_deref().is_none_or(|p| p == of.name()));
    selected.map(|project| project.failed()).collect()
}

/// Returns the failures of `projects` that match `query`.
pub(super) fn find<'a>(projects: &'a [FailedRecords], query: &'a Query) -> Matches<'a> {
    let mut unknown = query.text_conditions();
    let mut found = Vec::new();
    for (number, of) in projects.iter().enumerate() {
        let matches = of.find(&query.filter);
        unknown.retain(|(condition, ..)| !matches.fulfilled.contains(condition));
        found.extend(matches.records.into_iter().map(|record| (number, record)));
    }
    // The list of each project is sorted already, which makes a stable sort fast.
    found.sort_by_key(|(_, record)| Reverse(record.start()));
    let total = found.len();
    let names: Vec<_> = projects.iter().map(|of| (of.pool_names(), of.desktop_names())).collect();
    let rows = found.into_iter().skip(query.offset).take(query.limit).map(|(number, record)| {
        let (of, (pools, desktops)) = (&projects[number], &names[number]);
        let failure = of.shown(record, desktops);
        let pool_name = failure.pool.and_then(|pool| pools.get(pool).copied());
        Row { project: &of.project, pool_name, failure }
    });
    let unknown = unknown.into_iter().map(|(_, name, value)| (name, value));
    // A project that was never read may have records with any value.
    let are_all_read = projects.iter().all(|of| of.as_of.is_some());
    let unknown = unknown.filter(|_| are_all_read).collect();
    Matches { rows: rows.collect(), total, unknown }
}

/// Answers a valid query in JSON or CSV. If more failures match, a `Link` header has the rest.
pub(super) fn answer(projects: &[Arc<Project>], query: &Query, links: &Links) -> Response {
    let projects = selected(projects, query);
    let found = find(&projects, query);
    let mut response = match query.format {
        Format::Csv => {
            csv_answer("failures", csv(row::COLUMNS, found.rows.iter().map(Row::to_csv)))
        }
        _ => json_answer(&Answer {
            projects: projects.iter().map(of_project).collect(),
            failures: &found.rows,
            total: found.total,
            truncated: found.next_offset(query).is_some(),
            unknown: found.unknown.iter().copied().collect(),
        }),
    };
    if let Some(next) = found.next_offset(query) {
        let query = query.at_offset(next, query.format);
        add_next(&mut response, &format!("{}?{query}", links.link("/api/v1/failures")));
    }
    response
}

/// The JSON of `/api/v1/failures`. Not a [`Value`]: for ten thousand rows it would take ten times the
/// memory of their text.
#[derive(serde::Serialize)]
struct Answer<'a> {
    projects: Vec<Value>,
    failures: &'a [Row<'a>],
    total: usize,
    truncated: bool,
    unknown: std::collections::BTreeMap<&'static str, &'a str>,
}

fn of_project(of: &FailedRecords) -> Value {
    // Before the first complete poll nobody knows.
    let known = |number: usize| of.as_of.map(|_| number);
    json!({
        "name": of.project,
        "as_of": of.as_of.map(Timestamp::to_rfc3339),
        "stale": of.is_stale,
        "failed": known(of.list.len()),
        "before_counting": known(of.list.before_counting()),
        "counting_since": of.counting_since.map(Timestamp::to_rfc3339),
        "kept": known(of.list.with_texts()),
    })
}
