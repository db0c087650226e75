//! Scrapes: `/metrics` and `/probe`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::app_state::AppState;
use super::negotiate::wanted;
use super::probe_target::probe_target;
use super::slots::Slot;
use crate::exposition::{self, Wanted};

/// Answers a scrape of all projects.
pub(super) async fn metrics(
    State(app): State<Arc<AppState>>,
    Extension(slot): Extension<Slot>,
    headers: HeaderMap,
) -> Response {
    let (wanted, serving) = (wanted(&headers), app.current.get());
    slot.free_during(serving.collector.poll(serving.deadline(&headers))).await;
    exposition(wanted, serving.collector.encode(wanted).await)
}

/// Answers a scrape of one project.
pub(super) async fn probe(
    State(app): State<Arc<AppState>>,
    Extension(slot): Extension<Slot>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let target = match probe_target(query.as_deref().unwrap_or_default()) {
        Ok(target) => target,
        Err(wrong) => {
            let path = app.options.links.link("/probe");
            let text = format!("{wrong}. Name exactly one project: {path}?target=NAME\n");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    let (wanted, serving) = (wanted(&headers), app.current.get());
    let projects = serving.collector.projects();
    let Some(at) = projects.iter().position(|project| project.name() == target) else {
        let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
        let text = format!("Unknown project. Known projects:\n{}\n", names.join("\n"));
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    slot.free_during(serving.collector.poll_one(at, serving.deadline(&headers))).await;
    exposition(wanted, serving.collector.encode_one(at, wanted).await)
}

/// Builds the answer for an exposition. Its chunks are shared with other answers; `Content-Length` is
/// set for `HEAD` too.
fn exposition(wanted: Wanted, body: io::Result<exposition::Body>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "cannot encode the metrics");
            let text = format!("Cannot encode the metrics: {error}\n");
            return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        }
    };
    let length = body.len();
    let chunks = stream::iter(body.into_chunks().into_iter().map(Ok::<_, Infallible>));
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(wanted.format.content_type());
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if let Some(coding) = wanted.coding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}
