//! The HTTP server: routes, and what each endpoint answers.
//!
//! `pipeline.rs` has the order in which a request passes faults, gateway and endpoint.

mod control;
mod credentials;
mod gateway;
mod help;
mod pipeline;
mod pools;
mod query;
mod records;
mod render;
mod select;
mod unrequested;

use std::{future::IntoFuture as _, time::Duration};

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post, put},
};
use tokio_util::sync::CancellationToken;

use crate::{
    faults,
    simulator::Simulator,
    wire::{
        error::ApiError,
        request::{Endpoint, ReceivedRequest},
    },
};

/// Time that a shutdown waits for requests in flight. Some are never answered.
const GRACE: Duration = Duration::from_secs(1);

/// Serves a simulator until `shutdown` is cancelled, then waits up to a second for requests in
/// flight.
///
/// # Errors
///
/// Fails if the listener fails.
pub async fn run(
    listener: tokio::net::TcpListener,
    simulator: Simulator,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let stopped = shutdown.clone().cancelled_owned();
    let server = axum::serve(listener, simulator.router()).with_graceful_shutdown(stopped);
    tokio::select! {
        outcome = server.into_future() => outcome,
        () = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}

impl Simulator {
    /// Returns the router of all endpoints. In a test with paused time, use it as a
    /// `tower::Service`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(|| async { format!("{}\n{}", help::PAGE, faults::help::FAULTS) }))
            .route("/v2/{project_id}/screen-records", get(records::list))
            .route("/v2/{project_id}/screen-records/{record_id}", get(records::one))
            .route("/v2/{project_id}/desktop-pools", get(pools::list))
            .route("/v3/auth/tokens", post(credentials::tokens))
            .route("/meta-data/latest/api/token", put(credentials::metadata_token))
            .route("/openstack/latest/securitykey", get(credentials::security_key))
            .route("/simulator/truth", get(control::truth))
            .route("/simulator/requests", get(control::requests))
            .route("/simulator/faults", post(control::set_faults).get(control::faults))
            .fallback(unknown)
            .method_not_allowed_fallback(not_allowed)
            .with_state(self.clone())
    }
}

async fn unknown(State(simulator): State<Simulator>, received: ReceivedRequest) -> Response {
    let message = "The API does not exist or has not been published in the environment";
    let error = ApiError::new(404, "APIGW.0101", message);
    refuse(&simulator, &received, error).await
}

async fn not_allowed(State(simulator): State<Simulator>, received: ReceivedRequest) -> Response {
    refuse(&simulator, &received, ApiError::for_status(405)).await
}

async fn refuse(simulator: &Simulator, received: &ReceivedRequest, error: ApiError) -> Response {
    let request = received.request(Endpoint::Other, "");
    simulator.answer(&request, |_| Err(error)).await
}
