//! The path of a request: faults, then the gateway, then the endpoint.
//!
//! Half of the latency passes before the answer is made and half after it, so an answer may be out
//! of date when it arrives.

use std::{sync::atomic::Ordering, time::Duration};

use axum::response::Response;
use tokio::time::{Instant, sleep_until};

use crate::{
    access::Access,
    dialect::Dialect,
    faults::{FaultKind, echo::echo_error, rows::RowFault, unrequested::UnrequestedRows},
    mix::mix,
    simulator::{Simulator, hooks::HookPhase},
    wire::{
        answer::{Answer, Transport},
        error::ApiError,
        request::Request,
    },
    world::World,
};

/// The answer of an endpoint.
pub(super) struct Reply {
    answer: Answer,
    /// Ids of the records in the answer.
    record_ids: Vec<u128>,
}

impl Reply {
    pub(super) fn without_records(answer: Answer) -> Self {
        Self { answer, record_ids: Vec::new() }
    }

    pub(super) fn page(body: Vec<u8>, record_ids: Vec<u128>) -> Self {
        Self { answer: Answer::json(body), record_ids }
    }
}

/// Input from which an endpoint makes its answer.
pub(super) struct ServeContext<'w> {
    pub(super) world: &'w World,
    pub(super) dialect: &'w Dialect,
    pub(super) access: &'w mut Access,
    /// Time by the simulator's clock. A test may set it back; the time of the world never
    /// decreases.
    pub(super) now: i64,
    pub(super) forbid_pools: bool,
    pub(super) number: u64,
    pub(super) rows: &'w [RowFault],
    pub(super) unrequested: Option<UnrequestedRows>,
    /// True if the list has half of its rows.
    pub(super) is_short: bool,
}

impl Simulator {
    pub(super) async fn answer(
        &self,
        request: &Request<'_>,
        serve: impl FnOnce(ServeContext<'_>) -> Result<Reply, ApiError>,
    ) -> Response {
        let number = self.shared.number.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}{:016x}", mix(number), mix(mix(number)));
        let (received_at, latency) = (Instant::now(), self.latency(number));
        wait_until(received_at + latency / 2).await;
        let answer = self.process(request, number, &id, serve);
        // The latency includes the simulator's own work.
        wait_until(received_at + latency).await;
        if answer.transport == Transport::Hang {
            std::future::pending::<()>().await;
        }
        answer.into_response(&id, self.shared.now_millis())
    }

    /// Makes the answer, in one step under the lock.
    fn process(
        &self,
        request: &Request<'_>,
        number: u64,
        id: &str,
        serve: impl FnOnce(ServeContext<'_>) -> Result<Reply, ApiError>,
    ) -> Answer {
        let mut state = self.lock();
        let state = &mut *state;
        let now = self.shared.now_millis();
        state.world.advance(now);
        state.hooks.run(HookPhase::BeforeAnswer, request, (&[], false, &[]), &mut state.world);
        let faults = state.faults.next_request(request.endpoint, &mut state.fault_rng);
        let is_stale = faults.answer == Some(FaultKind::Stale);
        let error = match &faults.answer {
            Some(FaultKind::Echo { status, encoding }) => {
                Some(echo_error(request.method, request.headers, *status, *encoding))
            }
            Some(FaultKind::Status(fault)) => Some(fault.error()),
            _ => None,
        };
        let credential = state.access.credential_of(request);
        let reply = match error {
            Some(error) => Err(error),
            None => state.admit(request, now).and_then(|()| {
                let past_world = state.past_world.as_ref().filter(|_| is_stale);
                serve(ServeContext {
                    world: past_world.unwrap_or(&state.world),
                    dialect: &state.dialect,
                    access: &mut state.access,
                    now,
                    forbid_pools: state.options.forbid_pools,
                    number,
                    rows: &faults.rows,
                    unrequested: match &faults.answer {
                        Some(FaultKind::Unrequested(unrequested)) => Some(*unrequested),
                        _ => None,
                    },
                    is_short: faults.answer == Some(FaultKind::Short),
                })
            }),
        };
        let (mut answer, record_ids) = match reply {
            Ok(reply) => (reply.answer, reply.record_ids),
            Err(error) => (Answer::error(&error, id), Vec::new()),
        };
        if let Some(fault) = &faults.answer {
            answer = answer.with_fault(fault);
        }
        let shown = (record_ids.as_slice(), is_stale, faults.rows.as_slice());
        state.hooks.run(HookPhase::AfterAnswer, request, shown, &mut state.world);
        state.request_log.add(request, answer.outcome(), credential, now);
        answer
    }

    fn latency(&self, number: u64) -> Duration {
        let options = &self.shared.options;
        let jitter = u64::try_from(options.latency_jitter.as_micros()).unwrap_or(u64::MAX);
        let drawn = mix(options.seed ^ mix(number)) % jitter.saturating_add(1).max(1);
        options.latency + Duration::from_micros(drawn)
    }
}

async fn wait_until(instant: Instant) {
    if instant > Instant::now() {
        sleep_until(instant).await;
    }
}
