//! The endpoints: what a request means, in the order in which a gateway and a service look at it.
//!
//! Faults, then the rate limit, the credentials and the project, then the parameters. Half of the
//! latency passes before the world is looked at, half after: what arrives may be out of date already.

mod credentials;
mod gateway;
mod help;
mod query;
mod render;
mod select;
mod unrequested;

use std::{future::IntoFuture as _, sync::atomic::Ordering, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use http::StatusCode;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    dialect::Dialect,
    faults::{self, Fault, FaultKind, echo::echo, rows::RowFault, unrequested::Outside},
    mix::mix,
    simulator::{Simulator, hooks::When},
    time,
    wire::{
        answer::{Answer, Transport},
        error::Refusal,
        request::{Arrived, Endpoint, Request},
    },
    world::World,
};

/// How long a shutdown waits for answers on their way; some never come.
const GRACE: Duration = Duration::from_secs(1);

/// Serves a simulator until `shutdown`, then waits a second for answers on their way.
///
/// # Errors
///
/// When the listener fails.
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

fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/", get(|| async { format!("{}\n{}", help::PAGE, faults::help::FAULTS) }))
        .route("/v2/{project_id}/screen-records", get(records))
        .route("/v2/{project_id}/screen-records/{record_id}", get(record))
        .route("/v2/{project_id}/desktop-pools", get(pools))
        .route("/v3/auth/tokens", post(credentials::tokens))
        .route("/meta-data/latest/api/token", put(credentials::metadata_token))
        .route("/openstack/latest/securitykey", get(credentials::security_key))
        .route("/simulator/truth", get(truth))
        .route("/simulator/requests", get(requests))
        .route("/simulator/faults", post(set_faults).get(faults))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .with_state(simulator)
}

/// What it is answered with.
struct Shown {
    answer: Answer,
    /// The ids of the records in it.
    rows: Vec<u128>,
}

impl Shown {
    fn of(answer: Answer) -> Self {
        Self { answer, rows: Vec::new() }
    }

    fn page(body: Vec<u8>, rows: Vec<u128>) -> Self {
        Self { answer: Answer::json(body), rows }
    }
}

/// What an admitted request is served from.
struct Served<'w> {
    world: &'w World,
    dialect: &'w Dialect,
    access: &'w mut Access,
    /// By the simulator's clock, which a test may set back; the world only goes forward.
    now: i64,
    forbid_pools: bool,
    number: u64,
    rows: &'w [RowFault],
    outside: Option<Outside>,
}

async fn records(
    State(simulator): State<Simulator>,
    Path(project): Path<String>,
    arrived: Arrived,
) -> Response {
    let request = arrived.request(Endpoint::Records, &project);
    simulator
        .answer(&request, |served| {
            let Served { world, dialect, .. } = served;
            let query = query::read(arrived.query(), dialect, world.now())?;
            let selection = select::select(world, &query, dialect);
            let mut slots = selection.page(&query, dialect.ties, mix(world.seed() ^ served.number));
            if let Some(outside) = served.outside {
                slots = unrequested::add(outside, slots, world, &query, dialect);
            }
            let body = render::page(world, dialect, &slots, selection.len(), served.rows);
            Ok(Shown::page(body, slots.iter().map(|slot| world.at(*slot).id).collect()))
        })
        .await
}

async fn record(
    State(simulator): State<Simulator>,
    Path((project, id)): Path<(String, String)>,
    arrived: Arrived,
) -> Response {
    let request = arrived.request(Endpoint::Record, &project);
    simulator
        .answer(&request, |served| {
            let known = (id.len() == 32).then(|| u128::from_str_radix(&id, 16).ok()).flatten();
            let record = known.and_then(|id| served.world.record(id));
            let record = record.ok_or_else(|| Refusal::of_status(404))?;
            let mut out = Vec::new();
            let (_, spoil) = RowFault::on(served.rows, record.id);
            render::row(&mut out, served.world, served.dialect, record, spoil);
            Ok(Shown::page(out, vec![record.id]))
        })
        .await
}

async fn pools(
    State(simulator): State<Simulator>,
    Path(project): Path<String>,
    arrived: Arrived,
) -> Response {
    let request = arrived.request(Endpoint::Pools, &project);
    simulator
        .answer(&request, |served| {
            if served.forbid_pools {
                return Err(Refusal::of_status(403));
            }
            let (limit, offset) = query::read_page(arrived.query())?;
            let cast = served.world.cast();
            let rows: Vec<_> = (0_u32..)
                .zip(cast.pools())
                .skip(offset)
                .take(limit)
                .map(|(number, pool)| {
                    let desktops =
                        cast.desktops().iter().filter(|desktop| desktop.pool == Some(number));
                    serde_json::json!({
                        "id": pool.id,
                        "name": pool.name.text,
                        "type": if number % 2 == 0 { "DYNAMIC" } else { "STATIC" },
                        "desktop_count": desktops.count(),
                        "status": "STEADY",
                    })
                })
                .collect();
            let page = serde_json::json!(
                {"desktop_pools": rows, "total_count": cast.pools().len()});
            Ok(Shown::page(page.to_string().into_bytes(), Vec::new()))
        })
        .await
}

async fn unknown(State(simulator): State<Simulator>, arrived: Arrived) -> Response {
    let message = "The API does not exist or has not been published in the environment";
    let refusal = Refusal::new(404, "APIGW.0101", message);
    refuse(&simulator, &arrived, refusal).await
}

async fn not_allowed(State(simulator): State<Simulator>, arrived: Arrived) -> Response {
    refuse(&simulator, &arrived, Refusal::of_status(405)).await
}

async fn refuse(simulator: &Simulator, arrived: &Arrived, refusal: Refusal) -> Response {
    let request = arrived.request(Endpoint::Other, "");
    simulator.answer(&request, |_| Err(refusal)).await
}

#[derive(serde::Deserialize)]
struct Since {
    from: Option<String>,
}

async fn truth(State(simulator): State<Simulator>, Query(since): Query<Since>) -> Response {
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

async fn requests(State(simulator): State<Simulator>) -> Response {
    Json(simulator.requests()).into_response()
}

async fn faults(State(simulator): State<Simulator>) -> Response {
    Json(simulator.lock().faults.texts()).into_response()
}

async fn set_faults(
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

impl Simulator {
    /// Everything it serves. In a test with paused time, use this as a `tower::Service`.
    pub fn router(&self) -> Router {
        router(self.clone())
    }

    async fn answer(
        &self,
        request: &Request<'_>,
        serve: impl FnOnce(Served<'_>) -> Result<Shown, Refusal>,
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
        serve: impl FnOnce(Served<'_>) -> Result<Shown, Refusal>,
    ) -> Answer {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = self.shared.now_millis();
        inner.world.advance(now);
        inner.hooks.run(When::Before, request, (&[], false), &mut inner.world);
        let mishap = inner.faults.strike(request.endpoint, &mut inner.chance);
        let refusal = match &mishap.answer {
            Some(FaultKind::Echo { status, form }) => {
                Some(echo(request.method, request.headers, *status, *form))
            }
            Some(FaultKind::Status(fault)) => Some(fault.refusal()),
            _ => None,
        };
        let credential = inner.access.credential_of(request);
        let served = match refusal {
            Some(refusal) => Err(refusal),
            None => inner.admit(request, now).and_then(|()| {
                let stale = mishap.answer == Some(FaultKind::Stale);
                let past = inner.past.as_ref().filter(|_| stale);
                serve(Served {
                    world: past.unwrap_or(&inner.world),
                    dialect: &inner.dialect,
                    access: &mut inner.access,
                    now,
                    forbid_pools: inner.options.forbid_pools,
                    number,
                    rows: &mishap.rows,
                    outside: match &mishap.answer {
                        Some(FaultKind::Outside(outside)) => Some(*outside),
                        _ => None,
                    },
                })
            }),
        };
        let (mut answer, rows) = match served {
            Ok(shown) => (shown.answer, shown.rows),
            Err(refusal) => (Answer::refused(&refusal, id), Vec::new()),
        };
        if let Some(fault) = &mishap.answer {
            answer = answer.damaged(fault);
        }
        let is_stale = mishap.answer == Some(FaultKind::Stale);
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
