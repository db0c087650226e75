//! Prometheus' HTTP service discovery: `/sd`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::app_state::AppState;

/// Answers Prometheus' HTTP service discovery: one target group per project, at the address in the
/// `Host` header.
pub(super) async fn service_discovery(
    State(app): State<Arc<AppState>>,
    headers: HeaderMap,
) -> Response {
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
