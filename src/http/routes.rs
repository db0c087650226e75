//! Routes and their handlers.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{MatchedPath, Query, RawQuery, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::current::{Current, ReloadHandle};
use super::guard::guard;
use super::negotiate::wanted;
use super::web_config::WebConfig;
use super::{failures, page};
use crate::collector::Collector;
use crate::exposition::{self, Wanted};
use records_api::clock::Clock;
use records_api::record::Timestamp;

/// Options of the routes, from the section `web` of the config.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Path of the metrics.
    pub telemetry_path: String,
    /// Concurrent requests beyond this number are answered 503.
    pub max_concurrent_requests: usize,
}

struct AppState {
    current: Current,
    clock: Arc<dyn Clock>,
    options: WebOptions,
    web: WebConfig,
    reloads: Option<ReloadHandle>,
    slots: Semaphore,
}

impl AppState {
    fn collector(&self) -> Arc<Collector> {
        self.current.get().collector
    }
}

/// Creates the routes, all of which require the authentication of the web config. Without `reloads`,
/// `/-/reload` is answered 404.
pub fn router(
    current: Current,
    clock: Arc<dyn Clock>,
    options: WebOptions,
    web: WebConfig,
    reloads: Option<ReloadHandle>,
) -> Router {
    let slots = Semaphore::new(options.max_concurrent_requests);
    let metrics_path = options.telemetry_path.clone();
    let app = Arc::new(AppState { current, clock, options, web: web.clone(), reloads, slots });
    Router::new()
        .route(&metrics_path, get(metrics))
        .route("/probe", get(probe))
        .route("/sd", get(service_discovery))
        .route("/", get(landing))
        .route("/failures", get(failures_page))
        .route("/api/v1/failures", get(failures_json))
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload))
        .fallback(not_found)
        // Layers run in reverse order: count, then guard, then limit.
        .layer(middleware::from_fn_with_state(app.clone(), limit))
        .layer(middleware::from_fn_with_state(web, guard))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .with_state(app)
}

/// Counts every answer by route and status.
async fn count(
    State(app): State<Arc<AppState>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = matched.as_ref().map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.collector().instruments().answered(&path, response.status().as_u16());
    response
}

/// Refuses requests beyond the maximum number of concurrent ones.
///
/// The management endpoints are exempt: a refused health check would restart a healthy process.
async fn limit(State(app): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/-/") {
        return next.run(request).await;
    }
    match app.slots.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many concurrent requests (web.max_concurrent_requests)\n",
        )
            .into_response(),
    }
}

async fn metrics(State(app): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let (wanted, serving) = (wanted(&headers), app.current.get());
    exposition(wanted, serving.collector.scrape(serving.deadline(&headers), wanted).await)
}

/// Query parameters of `/probe`.
#[derive(Deserialize)]
struct ProbeQuery {
    target: Option<String>,
}

async fn probe(
    State(app): State<Arc<AppState>>,
    query: Result<Query<ProbeQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let target = query.ok().and_then(|Query(query)| query.target);
    let Some(target) = target.filter(|target| !target.is_empty()) else {
        let text = "Name exactly one project: /probe?target=NAME\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let (wanted, serving) = (wanted(&headers), app.current.get());
    let body = serving.collector.probe(&target, serving.deadline(&headers), wanted).await;
    if let Some(body) = body.transpose() {
        return exposition(wanted, body);
    }
    let projects = serving.collector.projects();
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let text = format!("Unknown project. Known projects:\n{}\n", names.join("\n"));
    (StatusCode::NOT_FOUND, text).into_response()
}

/// Answers Prometheus' HTTP service discovery: one target group per project, at the address in the
/// `Host` header.
async fn service_discovery(State(app): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let Some(host) = host.filter(|host| host.as_str().bytes().all(|byte| byte != b'@')) else {
        return (StatusCode::BAD_REQUEST, "The Host header is missing or invalid.\n")
            .into_response();
    };
    let scheme = app.web.scheme();
    let address = match host.port() {
        Some(_) if host.port_u16().is_none() => {
            return (StatusCode::BAD_REQUEST, "The Host header has an invalid port.\n")
                .into_response();
        }
        Some(_) => host.to_string(),
        None if scheme == "https" => format!("{host}:443"),
        None => format!("{host}:80"),
    };
    let collector = app.collector();
    let groups = collector.projects().iter().map(|project| {
        let mut labels = json!({"__metrics_path__": "/probe", "__param_target": project.name()});
        if scheme == "https" {
            labels["__scheme__"] = scheme.into();
        }
        json!({"targets": [address], "labels": labels})
    });
    Json(groups.collect::<Vec<_>>()).into_response()
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

async fn healthy() -> &'static str {
    "The exporter is healthy.\n"
}

async fn reload(State(app): State<Arc<AppState>>) -> Response {
    let Some(reloads) = &app.reloads else {
        let text = "There is no config to reload.\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    match reloads.reload().await {
        Ok(()) => "The config was reloaded.\n".into_response(),
        Err(reason) => {
            let text =
                format!("The config was not reloaded, the old one stays in use:\n{reason}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn ready(State(app): State<Arc<AppState>>) -> String {
    let mut text = "The exporter is ready.\n".to_owned();
    for project in app.collector().projects() {
        if project.view().records.is_none() {
            text.push_str(project.name());
            text.push_str(": no snapshot yet\n");
        }
    }
    text
}

async fn landing(State(app): State<Arc<AppState>>) -> Response {
    let now = Timestamp::from_millis(app.clock.now_millis());
    let statuses: Vec<_> = app.collector().projects().iter().map(|p| p.status()).collect();
    page::landing(&statuses, &app.options.telemetry_path, now)
}

async fn failures_page(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let now = Timestamp::from_millis(app.clock.now_millis());
    page::failures(app.collector().projects(), query.as_deref().unwrap_or_default(), now)
}

async fn failures_json(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    failures::json(app.collector().projects(), query.as_deref().unwrap_or_default())
}

async fn not_found(State(app): State<Arc<AppState>>) -> Response {
    let text = format!("Not found. See / or {}\n", app.options.telemetry_path);
    (StatusCode::NOT_FOUND, text).into_response()
}
