//! Lists of the records themselves, for `/records` and `/api/v1/records`. `docs/records.md` documents
//! the parameters. One list at a time runs for each project, within the request limits of its polls.

mod claims;
mod query;
mod stream;

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(super) use claims::Claims;
pub(super) use query::{Format, Query, QueryError};
pub(super) use stream::{ListError, RecordList};

use super::answer::LongAnswer;
use super::parameters::ParameterError;
use crate::project::Project;
use crate::snapshot::UserNames;
use records_api::clock::Clock;
use records_api::record::Timestamp;

/// Time after which a client may try again while another list runs, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Reason for refusing to list records.
pub(super) enum Refusal {
    /// The query is not valid.
    Query(QueryError),
    /// A list of this project runs.
    Busy(String),
    /// The key of the hashes of users cannot be read.
    Users(String),
    /// The API did not return the first records.
    List(ListError),
}

/// Starts the list that a query describes, and reads its first records.
pub(super) async fn start(
    projects: &[Arc<Project>],
    query: &Query,
    claims: &Claims,
    clock: Arc<dyn Clock>,
) -> Result<RecordList, Refusal> {
    let selected =
        projects.iter().filter(|p| query.project.as_deref().is_none_or(|q| q == p.name()));
    let selected: Vec<_> = selected.cloned().collect();
    let names = selected.iter().map(|project| project.name());
    let claimed = claims.claim(names).map_err(Refusal::Busy)?;
    let mut sources = Vec::new();
    for project in selected {
        let names = project.config().options.users.read().await.map_err(Refusal::Users)?;
        if matches!(names, UserNames::Drop) && query.user.is_some() {
            return Err(Refusal::Query(ParameterError::DroppedUser.into()));
        }
        sources.push((project, names));
    }
    let mut list = RecordList::new(sources, query.clone(), claimed, clock);
    list.read_first().await.map_err(Refusal::List)?;
    Ok(list)
}

/// Answers `/api/v1/records`.
pub(super) async fn answer(
    projects: &[Arc<Project>],
    text: &str,
    claims: &Claims,
    clock: Arc<dyn Clock>,
) -> Response {
    let now = Timestamp::from_millis(clock.now_millis());
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let started = match Query::parse(text, &names, now) {
        Ok(query) => start(projects, &query, claims, clock).await.map(|list| (query, list)),
        Err(error) => Err(Refusal::Query(error)),
    };
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    match started {
        Ok((query, list)) => {
            let mut response =
                (headers, list.into_body(query.format, query.is_raw)).into_response();
            let (content_type, disposition) = match query.format {
                Format::Json => ("application/json", None),
                Format::Csv => {
                    ("text/csv; charset=utf-8", Some("attachment; filename=\"records.csv\""))
                }
            };
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some(disposition) = disposition {
                let disposition = HeaderValue::from_static(disposition);
                headers.insert(header::CONTENT_DISPOSITION, disposition);
            }
            response.extensions_mut().insert(LongAnswer);
            response
        }
        Err(refusal) => {
            let body = axum::Json(json!({ "error": refusal.text() }));
            let mut response = (refusal.status(), headers, body).into_response();
            refusal.add_headers(&mut response);
            response
        }
    }
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Query(error) => error.status(),
            Self::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Users(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::List(_) => StatusCode::BAD_GATEWAY,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Query(error) => error.to_string(),
            Self::Busy(project) => {
                format!("another list of project {project} runs; try again later")
            }
            Self::Users(error) => format!("cannot read the key of the hashes of users: {error}"),
            Self::List(error) => error.to_string(),
        }
    }

    pub(super) fn add_headers(&self, response: &mut Response) {
        if let Self::Busy(_) = self {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
    }
}
