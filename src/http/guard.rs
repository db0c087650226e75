//! Access control by the web config: rate limit, users, and the headers of every answer.
//!
//! Runs before the limit on concurrent requests, so that an unauthorized client that waits for a
//! password hash does not take a scraper's slot, and after the request counter, which counts refusals
//! too.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::web_config::WebConfig;

/// Refuses unauthorized and too frequent requests, and sets the headers on every answer.
pub(super) async fn guard(State(web): State<WebConfig>, request: Request, next: Next) -> Response {
    // The file may change during the request; use one version of it throughout.
    let in_force = web.in_force();
    let mut response = if !in_force.has_room() {
        (StatusCode::TOO_MANY_REQUESTS, "too many requests (rate_limit in the web config)\n")
            .into_response()
    } else if web.admits(&in_force, request.headers()).await {
        next.run(request).await
    } else {
        let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
        (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
    };
    for (name, value) in in_force.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}
