//! Endpoints for tests: the truth, the request log, the faults.

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;

use crate::{faults::Fault, simulator::Simulator, time};

#[derive(serde::Deserialize)]
pub(super) struct Since {
    from: Option<String>,
}

pub(super) async fn truth(
    State(simulator): State<Simulator>,
    Query(since): Query<Since>,
) -> Response {
    let from = match since.from.as_deref().map(time::read_any) {
        None => i64::MIN,
        Some(Some(from)) => from,
        Some(None) => {
            let message = "from: expected ISO 8601 or milliseconds since 1970\n";
            return (StatusCode::BAD_REQUEST, message).into_response();
        }
    };
    Json(simulator.truth(from)).into_response()
}

pub(super) async fn requests(State(simulator): State<Simulator>) -> Response {
    Json(simulator.requests()).into_response()
}

pub(super) async fn faults(State(simulator): State<Simulator>) -> Response {
    Json(simulator.lock().faults.texts()).into_response()
}

pub(super) async fn set_faults(
    State(simulator): State<Simulator>,
    Json(texts): Json<Vec<String>>,
) -> Response {
    let parsed: Result<Vec<Fault>, String> = texts.iter().map(|text| text.parse()).collect();
    match parsed {
        Ok(parsed) => simulator.set_faults(parsed),
        Err(why) => return (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
    faults(State(simulator)).await
}
