//! Routes, and the handlers of the pages and the management endpoints.

use std::sync::Arc;

use axum::extract::{MatchedPath, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::app_state::{AppState, WebOptions};
use super::current::{Current, Serving};
use super::guard::guard;
use super::host::require_host;
use super::lists::{Format, refuse};
use super::parameters::ParameterError;
use super::records::Claims;
use super::refresh::Refresh;
use super::reload_handle::ReloadHandle;
use super::service_discovery::service_discovery;
use super::slots::{Slot, Slots};
use super::web_config::WebConfig;
use super::{desktops, failures, page, records, scrape};
use crate::project::Project;
use records_api::clock::Clock;
use records_api::record::Timestamp;

/// Path of the health check.
pub const HEALTHY_PATH: &str = "/-/healthy";

/// Creates the routes, all of which require the authentication of the web config. Without `reloads`,
/// `/-/reload` is answered 404.
pub fn router(
    current: Current,
    clock: Arc<dyn Clock>,
    options: WebOptions,
    web: WebConfig,
    reloads: Option<ReloadHandle>,
) -> Router {
    let slots = Slots::new(options.max_concurrent_requests);
    let links = options.links.clone();
    let claims = Claims::default();
    let web_config = web.clone();
    let app =
        Arc::new(AppState { current, clock, options, web: web_config, reloads, slots, claims });
    let mut routes = Router::new()
        .route(&links.metrics_route(), get(scrape::metrics))
        .route(&links.route("/probe"), get(scrape::probe))
        .route(&links.route("/sd"), get(service_discovery))
        .route(&links.route("/"), get(landing))
        .route(&links.route("/failures"), get(failures_page))
        .route(&links.route("/api/v1/failures"), get(failures_api))
        .route(&links.route("/desktops"), get(desktops_page))
        .route(&links.route("/api/v1/desktops"), get(desktops_api))
        .route(&links.route("/runbook"), get(runbook))
        .route(&links.route("/records"), get(records_page))
        .route(&links.route("/api/v1/records"), get(records_json))
        .route(&links.route(HEALTHY_PATH), get(healthy))
        .route(&links.route("/-/ready"), get(ready))
        .route(&links.route("/-/reload"), post(reload));
    if let Some(prefix) = links.prefix() {
        routes = routes.route(prefix, get(landing)).route("/", get(redirect_to_prefix));
    }
    routes
        .fallback(not_found)
        // Layers run in reverse order: count, then require_host, then guard, then limit.
        .layer(middleware::from_fn_with_state(app.clone(), limit))
        .layer(middleware::from_fn_with_state(web, guard))
        .layer(middleware::from_fn(require_host))
        .layer(middleware::from_fn_with_state(app.clone(), count))
        .with_state(app)
}

/// Counts every answer by status and route. Routes are counted without the prefix, so that queries do
/// not depend on it.
async fn count(
    State(app): State<Arc<AppState>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = matched.as_ref().map_or("other", |matched| {
        let path = matched.as_str();
        app.options.links.page(path).unwrap_or(path)
    });
    let path = path.to_owned();
    let response = next.run(request).await;
    app.collector().instruments().answered(&path, response.status().as_u16());
    response
}

/// Refuses requests beyond the maximum number of concurrent ones.
///
/// The management endpoints are exempt: a refused health check would restart a healthy process.
async fn limit(State(app): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let page = app.options.links.page(request.uri().path());
    if page.is_some_and(|page| page.starts_with("/-/")) {
        return next.run(request).await;
    }
    let client = request.extensions().get().copied().unwrap_or_default();
    let Some(slot) = app.slots.take(client) else {
        let text = "too many concurrent requests (web.max_concurrent_requests)\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    // A scrape gives it up while it waits for a poll.
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    drop(slot);
    response
}

async fn healthy() -> &'static str {
    "The exporter is healthy.\n"
}

async fn reload(State(app): State<Arc<AppState>>) -> Response {
    let Some(reloads) = &app.reloads else {
        let text = "This process has no config that it could reload.\n";
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

async fn ready(State(app): State<Arc<AppState>>) -> Response {
    let collector = app.collector();
    let projects = collector.projects();
    let is_open = projects.iter().all(|project| project.is_open());
    let (code, text) = if is_open {
        (StatusCode::OK, "The exporter is ready.\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "The database with the state was not read yet.\n")
    };
    let mut text = text.to_owned();
    for project in projects {
        if project.view().records.is_none() {
            text.push_str(project.name());
            text.push_str(": no snapshot yet\n");
        }
    }
    (code, text).into_response()
}

/// Returns what is served, after it was made to show what other replicas have committed.
async fn refreshed(app: &AppState) -> Serving {
    let serving = app.current.get();
    serving.collector.refresh().await;
    serving
}

async fn landing(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let (serving, links) = (refreshed(&app).await, &app.options.links);
    let refresh = match Refresh::parse(query.as_deref().unwrap_or_default()) {
        Ok(refresh) => refresh,
        Err(error) => return page::error("/", &error, links, serving.has_records),
    };
    let now = Timestamp::from_millis(app.clock.now_millis());
    let statuses: Vec<_> = serving.collector.projects().iter().map(|p| p.status()).collect();
    page::landing(&statuses, refresh, links, serving.has_records, now)
}

/// Redirects from `/` to the prefix, as Prometheus does.
async fn redirect_to_prefix(State(app): State<Arc<AppState>>) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, app.options.links.route(""))]).into_response()
}

async fn failures_page(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let serving = refreshed(&app).await;
    let (projects, links) = (serving.collector.projects(), &app.options.links);
    match parse_failures(projects, query.as_deref(), Format::Html) {
        Ok(query) if query.format == Format::Html => {
            let now = Timestamp::from_millis(app.clock.now_millis());
            page::failures(projects, &query, links, serving.has_records, now)
        }
        Ok(query) => failures::answer(projects, &query, links),
        Err(error) => page::error("/failures", &error, links, serving.has_records),
    }
}

async fn failures_api(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let collector = refreshed(&app).await.collector;
    let projects = collector.projects();
    match parse_failures(projects, query.as_deref(), Format::Json) {
        Ok(query) => failures::answer(projects, &query, &app.options.links),
        Err(error) => refuse(&error),
    }
}

fn parse_failures(
    projects: &[Arc<Project>],
    query: Option<&str>,
    format: Format,
) -> Result<failures::Query, ParameterError> {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let query = failures::Query::parse(query.unwrap_or_default(), format, &names)?;
    // A filter by a user that the list does not show would hide failures.
    let mut users = projects.iter().map(|project| project.view().snapshot.users.clone());
    if query.filter.user.is_some() && users.any(|users| users.are_dropped()) {
        return Err(ParameterError::DroppedUser);
    }
    Ok(query)
}

async fn desktops_page(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let serving = refreshed(&app).await;
    let (projects, links) = (serving.collector.projects(), &app.options.links);
    match parse_desktops(projects, query.as_deref(), Format::Html) {
        Ok(query) if query.format == Format::Html => {
            let now = Timestamp::from_millis(app.clock.now_millis());
            page::desktops(projects, &query, links, serving.has_records, now)
        }
        Ok(query) => desktops::answer(projects, &query, links),
        Err(error) => page::error("/desktops", &error, links, serving.has_records),
    }
}

async fn desktops_api(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let collector = refreshed(&app).await.collector;
    let projects = collector.projects();
    match parse_desktops(projects, query.as_deref(), Format::Json) {
        Ok(query) => desktops::answer(projects, &query, &app.options.links),
        Err(error) => refuse(&error),
    }
}

fn parse_desktops(
    projects: &[Arc<Project>],
    query: Option<&str>,
    format: Format,
) -> Result<desktops::Query, ParameterError> {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    desktops::Query::parse(query.unwrap_or_default(), format, &names)
}

async fn runbook(State(app): State<Arc<AppState>>) -> Response {
    page::runbook(&app.options.links, app.current.get().has_records)
}

async fn records_page(
    State(app): State<Arc<AppState>>,
    Extension(slot): Extension<Slot>,
    RawQuery(query): RawQuery,
) -> Response {
    let serving = app.current.get();
    if !serving.has_records {
        return not_found(State(app)).await;
    }
    let projects = serving.collector.projects();
    let (links, clock) = (&app.options.links, app.clock.clone());
    slot.free_during(page::records(projects, query.as_deref(), &app.claims, links, clock)).await
}

/// Lists records. The slot is free while the first of them are read; the answer is sent without one.
async fn records_json(
    State(app): State<Arc<AppState>>,
    Extension(slot): Extension<Slot>,
    RawQuery(query): RawQuery,
) -> Response {
    let serving = app.current.get();
    if !serving.has_records {
        return not_found(State(app)).await;
    }
    let (projects, query) = (serving.collector.projects(), query.unwrap_or_default());
    slot.free_during(records::answer(projects, &query, &app.claims, app.clock.clone())).await
}

async fn not_found(State(app): State<Arc<AppState>>) -> Response {
    let links = &app.options.links;
    let text = format!("Not found. See {} or {}\n", links.link("/"), links.metrics_link());
    (StatusCode::NOT_FOUND, text).into_response()
}
