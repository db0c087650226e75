//! Selection of failed records, and `/api/v1/failures`. `docs/failures.md` documents the parameters
//! and the JSON.

mod query;
mod row;

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(super) use query::{MAX_ROWS, Query};
pub(super) use row::Row;

use crate::project::Project;
use crate::snapshot::FailedRecords;
use records_api::record::Timestamp;

/// Failures that match a query.
pub(super) struct Matches<'a> {
    /// Matching failures, newest first, at most [`Query::limit`].
    pub(super) rows: Vec<Row<'a>>,
    /// True if more failures match than are in `rows`.
    pub(super) truncated: bool,
}

/// Returns the failures of `projects` that match `query`.
pub(super) fn find<'a>(projects: &'a [FailedRecords], query: &Query) -> Matches<'a> {
    let mut rows: Vec<_> = projects
        .iter()
        .flat_map(|of| of.records.iter().map(move |record| (of, record.shown(&of.users))))
        .map(|(of, failure)| {
            let pool_name = failure.pool.and_then(|pool| of.pool_name(pool));
            Row { project: &of.project, pool_name, failure, value_limit: of.value_limit }
        })
        .filter(|row| query.matches(row))
        .collect();
    rows.sort_by_key(|row| Reverse(row.failure.start));
    let truncated = rows.len() > query.limit;
    rows.truncate(query.limit);
    Matches { rows, truncated }
}

/// Returns the failed records of the projects that `query` selects.
pub(super) fn selected(projects: &[Arc<Project>], query: &Query) -> Vec<FailedRecords> {
    let selected =
        projects.iter().filter(|of| query.project.as_deref().is_none_or(|p| p == of.name()));
    selected.map(|project| project.failed()).collect()
}

/// Answers `/api/v1/failures`.
pub(super) fn json(projects: &[Arc<Project>], query: &str) -> Response {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let (status, body) = match Query::parse(query, MAX_ROWS, &names) {
        Ok(query) => (StatusCode::OK, body(&selected(projects, &query), &query)),
        Err(error) => (error.status(), json!({"error": error.to_string()})),
    };
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, Json(body)).into_response()
}

fn body(projects: &[FailedRecords], query: &Query) -> Value {
    let found = find(projects, query);
    let of_projects = projects.iter().map(|of| {
        json!({
            "name": of.project,
            "as_of": of.as_of.map(Timestamp::to_rfc3339),
            "stale": of.is_stale,
            "kept": of.records.len(),
        })
    });
    json!({
        "projects": of_projects.collect::<Vec<_>>(),
        "failures": found.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        "truncated": found.truncated,
    })
}
