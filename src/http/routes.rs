//! What is served where.

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

use super::guard::guard;
use super::live::{Live, Reloads};
use super::negotiate::wanted;
use super::web_config::WebConfig;
use super::{failures, page};
use crate::collector::Collector;
use crate::exposition::{self, Wanted};
use records_api::clock::Clock;
use records_api::record::Timestamp;

/// How it is served. Keys of the config's section `web`.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Path of the metrics.
    pub telemetry_path: String,
    /// Requests beyond this many at once are answered 503.
    pub max_concurrent_requests: usize,
}

struct App {
    live: Live,
    clock: Arc<dyn Clock>,
    options: WebOptions,
    web: WebConfig,
    reloads: Option<Reloads>,
    requests: Semaphore,
}

impl App {
    fn collector(&self) -> Arc<Collector> {
        self.live.served().collector
    }
}

/// The routes, all of them behind what the web config asks for. Without `reloads` the config is not
/// read again.
pub fn router(
    live: Live,
    clock: Arc<dyn Clock>,
    options: WebOptions,
    web: WebConfig,
    reloads: Option<Reloads>,
) -> Router {
    let requests = Semaphore::new(options.max_concurrent_requests);
    let metrics_path = options.telemetry_path.clone();
    let app = Arc::new(App { live, clock, options, web: web.clone(), reloads, requests });
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
        // The last is the first that a request meets.
        .layer(middleware::from_fn_with_state(app.clone(), limit))
        .layer(middleware::from_fn_with_state(web, guard))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .with_state(app)
}

/// Counts every answer by its route.
async fn count(
    State(app): State<Arc<App>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = matched.as_ref().map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.collector().instruments().answered(&path, response.status().as_u16());
    response
}

/// Refuses what is too much at once.
///
/// Whoever asks whether the process lives, or wants its config mended, is let in: to be refused would
/// look like its end.
async fn limit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/-/") {
        return next.run(request).await;
    }
    match app.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests at once (web.max_concurrent_requests)\n",
        )
            .into_response(),
    }
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let (wanted, served) = (wanted(&headers), app.live.served());
    exposition(wanted, served.collector.scrape(served.deadline(&headers), wanted).await)
}

/// What stands behind the `?` of a probe.
#[derive(Deserialize)]
struct ProbeQuery {
    target: Option<String>,
}

async fn probe(
    State(app): State<Arc<App>>,
    query: Result<Query<ProbeQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let target = query.ok().and_then(|Query(query)| query.target);
    let Some(target) = target.filter(|target| !target.is_empty()) else {
        let text = "No target. Name a project: /probe?target=NAME\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let (wanted, served) = (wanted(&headers), app.live.served());
    let body = served.collector.probe(&target, served.deadline(&headers), wanted).await;
    if let Some(body) = body.transpose() {
        return exposition(wanted, body);
    }
    let projects = served.collector.projects();
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let text = format!("No such project. Known are:\n{}\n", names.join("\n"));
    (StatusCode::NOT_FOUND, text).into_response()
}

/// Prometheus' HTTP service discovery: a target group for each project, at the address by which this
/// was asked for.
async fn service_discovery(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let Some(host) = host.filter(|host| host.as_str().bytes().all(|byte| byte != b'@')) else {
        return (StatusCode::BAD_REQUEST, "The request names no host.\n").into_response();
    };
    let scheme = app.web.scheme();
    let address = match host.port() {
        Some(_) if host.port_u16().is_none() => {
            return (StatusCode::BAD_REQUEST, "The host has no such port.\n").into_response();
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

/// A body as it was wanted. Its chunks are shared with whoever else reads it, and it says how long it
/// is, to `HEAD` too.
fn exposition(wanted: Wanted, body: io::Result<exposition::Body>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "an exposition cannot be made");
            let text = format!("The exposition cannot be made: {error}\n");
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
    "The exporter serves.\n"
}

async fn reload(State(app): State<Arc<App>>) -> Response {
    let Some(reloads) = &app.reloads else {
        let text = "There is no config file to be read again.\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    match reloads.ask().await {
        Ok(()) => "The config was read again.\n".into_response(),
        Err(why) => {
            let text = format!("The config stays as it was:\n{why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn ready(State(app): State<Arc<App>>) -> String {
    let mut text = "The exporter is ready.\n".to_owned();
    for project in app.collector().projects() {
        if project.view().snapshot.is_none() {
            text.push_str(project.name());
            text.push_str(": no snapshot yet\n");
        }
    }
    text
}

async fn landing(State(app): State<Arc<App>>) -> Response {
    let now = Timestamp::from_millis(app.clock.now_millis());
    let statuses: Vec<_> = app.collector().projects().iter().map(|p| p.status()).collect();
    page::landing(&statuses, &app.options.telemetry_path, now)
}

async fn failures_page(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let now = Timestamp::from_millis(app.clock.now_millis());
    page::failures(app.collector().projects(), query.as_deref().unwrap_or_default(), now)
}

async fn failures_json(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    failures::json(app.collector().projects(), query.as_deref().unwrap_or_default())
}

async fn not_found(State(app): State<Arc<App>>) -> Response {
    let text = format!("Not found. Look at / or {}\n", app.options.telemetry_path);
    (StatusCode::NOT_FOUND, text).into_response()
}
