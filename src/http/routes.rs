//! Routes, and the handlers of the pages and the management endpoints.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::app_state::{AppState, WebOptions};
use super::current::Current;
use super::guard::guard;
use super::reload_handle::ReloadHandle;
use super::service_discovery::service_discovery;
use super::web_config::WebConfig;
use super::{failures, page, scrape};
use records_api::clock::Clock;
use records_api::record::Timestamp;

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
        .route(&metrics_path, get(scrape::metrics))
        .route("/probe", get(scrape::probe))
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
