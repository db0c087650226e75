//! Who gets an answer at all: the rate, the users and the headers of the web config.
//!
//! Before the limit to requests at once, so that who may not ask, and waits for a hash, takes no
//! scraper's place; behind the counting, so that refusals show.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::web_config::WebConfig;

/// Refuses who may not ask, and sets the headers on every answer.
pub(super) async fn guard(State(web): State<WebConfig>, request: Request, next: Next) -> Response {
    // One reading for the whole request: the file may change meanwhile.
    let in_force = web.in_force();
    let mut response = if !in_force.has_room() {
        (StatusCode::TOO_MANY_REQUESTS, "too many requests (rate_limit of the web config)\n")
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
