//! The list of desktop pools.

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{pipeline::Reply, query};
use crate::{
    simulator::Simulator,
    wire::{
        error::ApiError,
        request::{Endpoint, ReceivedRequest},
    },
};

pub(super) async fn list(
    State(simulator): State<Simulator>,
    Path(project): Path<String>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::Pools, &project);
    simulator
        .answer(&request, |context| {
            if context.forbid_pools {
                return Err(ApiError::for_status(403));
            }
            let (limit, offset) = query::read_page(received.query())?;
            let directory = context.world.directory();
            let rows: Vec<_> = directory
                .pools()
                .skip(offset)
                .take(limit)
                .map(|(number, pool)| {
                    serde_json::json!({
                        "id": pool.id,
                        "name": pool.name.text,
                        "type": if number % 2 == 0 { "DYNAMIC" } else { "STATIC" },
                        "desktop_count": directory.desktop_count(number),
                        "status": "STEADY",
                    })
                })
                .collect();
            let page = serde_json::json!(
                {"desktop_pools": rows, "total_count": directory.pools().count()});
            Ok(Reply::page(page.to_string().into_bytes(), Vec::new()))
        })
        .await
}
