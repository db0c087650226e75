//! The failed records that a question asks for, and the answer as JSON. `docs/failures.md` has the
//! parameters and the shape.

mod query;

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(super) use query::{MOST_ROWS, Query};

use crate::collector::{FailedRecords, Project, ShownFailure};
use records_api::record::Timestamp;

/// What is shown of some projects.
pub(super) struct Found<'a> {
    /// The failures asked for, the newest first.
    pub(super) rows: Vec<Row<'a>>,
    /// Whether there are more of them than were asked for.
    pub(super) truncated: bool,
}

/// A failure with where it stands.
pub(super) struct Row<'a> {
    pub(super) project: &'a str,
    pub(super) pool_name: Option<&'a str>,
    pub(super) failure: ShownFailure<'a>,
}

/// The failures of these projects that a query asks for.
pub(super) fn find<'a>(projects: &'a [FailedRecords], query: &Query) -> Found<'a> {
    let mut rows: Vec<_> = projects
        .iter()
        .flat_map(|of| of.records.iter().map(move |record| (of, record.shown(&of.users))))
        .map(|(of, failure)| {
            let pool_name = failure.pool.and_then(|pool| of.pool_name(pool));
            Row { project: &of.project, pool_name, failure }
        })
        .filter(|row| query.wants(row))
        .collect();
    rows.sort_by_key(|row| Reverse(row.failure.start));
    let truncated = rows.len() > query.limit;
    rows.truncate(query.limit);
    Found { rows, truncated }
}

/// The projects that a query asks about.
pub(super) fn asked(projects: &[Arc<Project>], query: &Query) -> Vec<FailedRecords> {
    let asked =
        projects.iter().filter(|of| query.project.as_deref().is_none_or(|p| p == of.name()));
    asked.map(|project| project.failed()).collect()
}

/// The answer as JSON.
pub(super) fn json(projects: &[Arc<Project>], query: &str) -> Response {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let (status, body) = match Query::read(query, MOST_ROWS, &names) {
        Ok(query) => (StatusCode::OK, body(&asked(projects, &query), &query)),
        Err(refusal) => (refusal.status(), json!({"error": refusal.to_string()})),
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

impl Row<'_> {
    fn to_json(&self) -> Value {
        let failure = &self.failure;
        json!({
            "project": self.project,
            "status": failure.status,
            "type": failure.record_type,
            "pool": failure.pool,
            "pool_name": self.pool_name,
            "desktop_id": failure.desktop_id,
            "desktop_name": failure.desktop_name,
            "user": failure.user.as_deref(),
            "id": failure.id,
            "start_time": failure.start.to_rfc3339(),
            "update_time": failure.update.map(Timestamp::to_rfc3339),
            "size_bytes": failure.size_bytes,
            "bucket": failure.bucket,
            "file_directory": failure.file_directory,
            "file_name": failure.file_name,
            "counted": failure.counted,
        })
    }
}
