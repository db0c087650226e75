//! The way of one request: faults, then the rate limit, the credentials and the project, then the endpoint.

use std::{sync::atomic::Ordering, time::Duration};

use axum::response::Response;
use tokio::time::{Instant, sleep_until};

use crate::{
    access::Access,
    dialect::Dialect,
    faults::{FaultKind, echo::echo_error, rows::RowFault, unrequested::UnrequestedRows},
    mix::mix,
    simulator::{Simulator, hooks::When},
    wire::{
        answer::{Answer, Transport},
        error::ApiError,
        request::Request,
    },
    world::World,
};

/// What it is answered with.
pub(super) struct Shown {
    answer: Answer,
    /// The ids of the records in it.
    rows: Vec<u128>,
}

impl Shown {
    pub(super) fn of(answer: Answer) -> Self {
        Self { answer, rows: Vec::new() }
    }

    pub(super) fn page(body: Vec<u8>, rows: Vec<u128>) -> Self {
        Self { answer: Answer::json(body), rows }
    }
}

/// What an admitted request is served from.
pub(super) struct Served<'w> {
    pub(super) world: &'w World,
    pub(super) dialect: &'w Dialect,
    pub(super) access: &'w mut Access,
    /// By the simulator's clock, which a test may set back; the world only goes forward.
    pub(super) now: i64,
    pub(super) forbid_pools: bool,
    pub(super) number: u64,
    pub(super) rows: &'w [RowFault],
    pub(super) unrequested: Option<UnrequestedRows>,
}

impl Simulator {
    pub(super) async fn answer(
        &self,
        request: &Request<'_>,
        serve: impl FnOnce(Served<'_>) -> Result<Shown, ApiError>,
    ) -> Response {
        let number = self.shared.number.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}{:016x}", mix(number), mix(mix(number)));
        let (begun, latency) = (Instant::now(), self.latency(number));
        until(begun + latency / 2).await;
        let answer = self.look(request, number, &id, serve);
        // The latency is that of the whole request: the simulator's own work is part of it.
        until(begun + latency).await;
        if answer.transport == Transport::Hang {
            std::future::pending::<()>().await;
        }
        answer.into_response(&id, self.shared.now_millis())
    }

    /// The moment at which the request is understood.
    fn look(
        &self,
        request: &Request<'_>,
        number: u64,
        id: &str,
        serve: impl FnOnce(Served<'_>) -> Result<Shown, ApiError>,
    ) -> Answer {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = self.shared.now_millis();
        inner.world.advance(now);
        inner.hooks.run(When::Before, request, (&[], false), &mut inner.world);
        let faults = inner.faults.next_request(request.endpoint, &mut inner.chance);
        let error = match &faults.answer {
            Some(FaultKind::Echo { status, encoding }) => {
                Some(echo_error(request.method, request.headers, *status, *encoding))
            }
            Some(FaultKind::Status(fault)) => Some(fault.error()),
            _ => None,
        };
        let credential = inner.access.credential_of(request);
        let served = match error {
            Some(error) => Err(error),
            None => inner.admit(request, now).and_then(|()| {
                let stale = faults.answer == Some(FaultKind::Stale);
                let past = inner.past.as_ref().filter(|_| stale);
                serve(Served {
                    world: past.unwrap_or(&inner.world),
                    dialect: &inner.dialect,
                    access: &mut inner.access,
                    now,
                    forbid_pools: inner.options.forbid_pools,
                    number,
                    rows: &faults.rows,
                    unrequested: match &faults.answer {
                        Some(FaultKind::Unrequested(unrequested)) => Some(*unrequested),
                        _ => None,
                    },
                })
            }),
        };
        let (mut answer, rows) = match served {
            Ok(shown) => (shown.answer, shown.rows),
            Err(error) => (Answer::error(&error, id), Vec::new()),
        };
        if let Some(fault) = &faults.answer {
            answer = answer.with_fault(fault);
        }
        let is_stale = faults.answer == Some(FaultKind::Stale);
        inner.hooks.run(When::After, request, (&rows, is_stale), &mut inner.world);
        inner.log.note(request, answer.outcome(), credential, now);
        answer
    }

    fn latency(&self, number: u64) -> Duration {
        let options = &self.shared.options;
        let jitter = u64::try_from(options.latency_jitter.as_micros()).unwrap_or(u64::MAX);
        let drawn = mix(options.seed ^ mix(number)) % jitter.saturating_add(1).max(1);
        options.latency + Duration::from_micros(drawn)
    }
}

async fn until(moment: Instant) {
    if moment > Instant::now() {
        sleep_until(moment).await;
    }
}
