//! Access control by the web config: rate limit, users, and the headers of every answer.
//!
//! Runs before the limit on concurrent requests, so that an unauthorized client that waits for a
//! password hash does not take a scraper's slot, and after the request counter, which counts refusals
//! too.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::web_config::{SignIn, WebConfig};

/// Refuses unauthorized and too frequent requests, and sets the headers on every answer.
pub(super) async fn guard(State(web): State<WebConfig>, request: Request, next: Next) -> Response {
    // The file may change during the request; use one version of it throughout.
    let in_force = web.in_force();
    let client = request.extensions().get().copied().unwrap_or_default();
    let mut response = if in_force.has_room() {
        match web.sign_in(&in_force, client, request.headers()).await {
            SignIn::Accepted => next.run(request).await,
            SignIn::Refused => {
                let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
                (StatusCode::UNAUTHORIZED, challenge, "Unauthorized\n").into_response()
            }
            SignIn::Busy => too_many("too many attempts to sign in; try again later"),
        }
    } else {
        too_many("too many requests (rate_limit in the web config)")
    };
    for (name, value) in in_force.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

fn too_many(text: &str) -> Response {
    let retry_after = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
    (StatusCode::TOO_MANY_REQUESTS, retry_after, format!("{text}\n")).into_response()
}
