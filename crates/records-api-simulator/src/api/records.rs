//! Endpoints of the records: the list, and one record.

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    pipeline::{Reply, ServeContext},
    query, render, select, unrequested,
};
use crate::{
    faults::rows::RowFault,
    mix::mix,
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
    let request = received.request(Endpoint::Records, &project);
    simulator
        .answer(&request, |context| {
            let ServeContext { world, dialect, .. } = context;
            let query = query::read(received.query(), dialect, world.now())?;
            let selection = select::select(world, &query, dialect);
            let mut slots =
                selection.page(&query, dialect.ties, mix(world.seed() ^ context.number));
            if let Some(rows) = context.unrequested {
                slots = unrequested::add(rows, slots, world, &query, dialect);
            }
            if context.is_short {
                slots.truncate(slots.len().div_ceil(2));
            }
            let body = render::page(world, dialect, &slots, selection.len(), context.rows);
            Ok(Reply::page(body, slots.iter().map(|slot| world.record_in(*slot).id).collect()))
        })
        .await
}

pub(super) async fn one(
    State(simulator): State<Simulator>,
    Path((project, id)): Path<(String, String)>,
    received: ReceivedRequest,
) -> Response {
    let request = received.request(Endpoint::Record, &project);
    simulator
        .answer(&request, |context| {
            let known = (id.len() == 32).then(|| u128::from_str_radix(&id, 16).ok()).flatten();
            let record = known.and_then(|id| context.world.record(id));
            let record = record.ok_or_else(|| ApiError::for_status(404))?;
            let mut out = Vec::new();
            let defect = RowFault::defect(context.rows, record.id);
            render::row(&mut out, context.world, context.dialect, record, defect);
            Ok(Reply::page(out, vec![record.id]))
        })
        .await
}
