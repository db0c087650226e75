//! Where credentials come from: IAM's tokens, and the metadata service.

use axum::{extract::State, response::Response};
use http::HeaderValue;

use super::pipeline::{Served, Shown};
use crate::{
    Simulator,
    access::SignedIn,
    wire::{
        answer::Answer,
        error::ApiError,
        request::{Endpoint, ReceivedRequest},
    },
};

pub(crate) async fn tokens(
    State(simulator): State<Simulator>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::Tokens, "");
    let sign_in = |served: Served<'_>| {
        let SignedIn { token, body } = served.access.sign_in(&request, served.now)?;
        let token = HeaderValue::from_str(&token).expect("tokens are ASCII without controls");
        Ok(Shown::of(Answer { status: 201, subject_token: Some(token), ..Answer::json(body) }))
    };
    simulator.answer(&request, sign_in).await
}

pub(crate) async fn metadata_token(
    State(simulator): State<Simulator>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::MetadataToken, "");
    let give = |served: Served<'_>| {
        let token = served.access.metadata_token(&request, served.now)?;
        Ok::<_, ApiError>(Shown::of(Answer { content_type: "text/plain", ..Answer::json(token) }))
    };
    simulator.answer(&request, give).await
}

pub(crate) async fn security_key(
    State(simulator): State<Simulator>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::SecurityKey, "");
    let show = |served: Served<'_>| {
        let keys = served.access.security_key(&request, served.now)?;
        Ok::<_, ApiError>(Shown::of(Answer::json(keys)))
    };
    simulator.answer(&request, show).await
}
