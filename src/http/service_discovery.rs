//! Prometheus' HTTP service discovery: `/sd`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use url::Url;

use super::app_state::AppState;
use super::host::Host;

/// Answers Prometheus' HTTP service discovery: one target group per project, at the address in the
/// `Host` header, by which Prometheus reached the exporter.
pub(super) async fn service_discovery(
    State(app): State<Arc<AppState>>,
    host: Option<Extension<Host>>,
) -> Response {
    let links = &app.options.links;
    let external_url = host.as_ref().and_then(|Extension(host)| links.external_url(host));
    let (scheme, path) = match external_url {
        Some(url) => (url.scheme(), links.link("/probe")),
        None => (app.web.scheme(), links.route("/probe")),
    };
    let default_port = match (external_url.and_then(Url::port), scheme) {
        (Some(port), _) => port,
        (None, "https") => 443,
        (None, _) => 80,
    };
    let Some(address) = host.and_then(|Extension(host)| host.address(default_port)) else {
        let text = "The Host header is missing, or is not an address that Prometheus can scrape.\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let collector = app.collector();
    let groups = collector.projects().iter().map(|project| {
        let mut labels = json!({"__metrics_path__": path, "__param_target": project.name()});
        if scheme == "https" {
            labels["__scheme__"] = scheme.into();
        }
        json!({"targets": [address], "labels": labels})
    });
    Json(groups.collect::<Vec<_>>()).into_response()
}
