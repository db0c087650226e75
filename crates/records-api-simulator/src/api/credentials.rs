//! Endpoints that issue credentials: IAM and the metadata service.

use axum::{extract::State, response::Response};
use http::HeaderValue;

use super::pipeline::{Reply, ServeContext};
use crate::{
    Simulator,
    access::IssuedToken,
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
    let sign_in = |context: ServeContext<'_>| {
        let IssuedToken { token, body } = context.access.sign_in(&request, context.now)?;
        let token = HeaderValue::from_str(&token).expect("tokens are ASCII without controls");
        Ok(Reply::without_records(Answer {
            status: 201,
            subject_token: Some(token),
            ..Answer::json(body)
        }))
    };
    simulator.answer(&request, sign_in).await
}

pub(crate) async fn metadata_token(
    State(simulator): State<Simulator>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::MetadataToken, "");
    let give = |context: ServeContext<'_>| {
        let token = context.access.metadata_token(&request, context.now)?;
        Ok::<_, ApiError>(Reply::without_records(Answer {
            content_type: "text/plain",
            ..Answer::json(token)
        }))
    };
    simulator.answer(&request, give).await
}

pub(crate) async fn security_key(
    State(simulator): State<Simulator>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::SecurityKey, "");
    let show = |context: ServeContext<'_>| {
        let keys = context.access.security_key(&request, context.now)?;
        Ok::<_, ApiError>(Reply::without_records(Answer::json(keys)))
    };
    simulator.answer(&request, show).await
}
