//! The upstream records API in one process: for the demo, for tests and for benches.
//!
//! It is written from what is known of the API (its reference and its SDKs), never from this
//! crate's client, so that the two can disagree. It promises: the same seed and options give the
//! same history; a listing, one record and the truth agree at any moment; nothing changes unless
//! `--live` or an edit changes it. Where the documents leave something open there is a
//! [`Dialect`]; where the service can fail there is a [`Fault`].
//!
//! It does not verify signatures, compress (but for a fault), speak TLS, or keep anything between
//! runs.

mod answer;
mod cast;
mod damage;
mod dialect;
mod echo;
mod encoding;
mod faults;
mod flood;
mod gateway;
mod help;
mod history;
mod hooks;
mod ledger;
mod life;
mod options;
mod outside;
mod query;
mod record;
mod refusal;
mod render;
mod request;
mod rows;
mod select;
mod service;
#[cfg(test)]
mod tests;
mod timeline;
mod times;
mod truth;
mod words;
mod world;

use std::{
    collections::{BTreeMap, VecDeque},
    future::IntoFuture as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tokio_util::sync::CancellationToken;

use self::{
    faults::Faults,
    hooks::{Hooks, When},
    record::mix,
};
use crate::clock::Clock;

pub use self::{
    cast::Cast,
    dialect::{
        DefaultOrder, Dialect, EndBound, Nothing, Obeyed, OverLimit, StartBound, StatusFilter,
        Ties, Times, TotalCount, Vocabulary,
    },
    echo::Form,
    encoding::Encoding,
    faults::{Fault, FaultKind, Place, StatusFault, Window},
    flood::Filling,
    hooks::Turn,
    ledger::{Flow, Ledger, PoolCell, UserCell},
    options::Options,
    outside::{Outside, Why},
    record::{Kind, Record, Status},
    refusal::{RetryAfter, Shape},
    request::Endpoint,
    rows::{RowFault, Spoil},
    truth::{Oldest, PoolFlow, PoolSums, Sums, Truth, UserFlow, UserSums},
    world::World,
};

/// Requests that are remembered by their path and query.
const REMEMBERED: usize = 1000;
/// How long a shutdown waits for answers on their way; some never come.
const GRACE: Duration = Duration::from_secs(1);

/// A simulated records API. Clones share everything.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    options: Arc<Options>,
    number: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    options: Arc<Options>,
    dialect: Dialect,
    world: World,
    faults: Faults,
    hooks: Hooks,
    /// The world when the faults were set, for answers that lag behind.
    past: Option<World>,
    /// Chance of the faults, apart from the world's so that faults do not change history.
    chance: Xoshiro256PlusPlus,
    /// The present second and its requests.
    second: (i64, u32),
    counts: BTreeMap<(Endpoint, String), u64>,
    recent: VecDeque<String>,
}

/// The requests that were made so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Requests {
    /// Number of requests to the simulated API.
    pub total: u64,
    /// By endpoint (`records`, `record`, `pools`, `other`), then by HTTP status, `hang` or `reset`.
    pub counts: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Path and query of the last 1000, oldest first.
    pub recent: Vec<String>,
}

impl Requests {
    /// How many requests an endpoint had, whatever came of them.
    pub fn of(&self, endpoint: Endpoint) -> u64 {
        self.counts.get(endpoint.name()).map_or(0, |codes| codes.values().sum())
    }
}

impl Simulator {
    /// A simulator whose world begins now.
    pub fn new(options: &Options, clock: Arc<dyn Clock>) -> Self {
        let options = Arc::new(options.clone());
        let mut inner = Inner {
            dialect: options.dialect.clone(),
            world: World::new(&options, clock.now_millis()),
            faults: Faults::default(),
            hooks: Hooks::default(),
            past: None,
            chance: Xoshiro256PlusPlus::seed_from_u64(mix(options.seed ^ 0x000f_a017)),
            second: (i64::MIN, 0),
            counts: BTreeMap::new(),
            recent: VecDeque::new(),
            options: Arc::clone(&options),
        };
        inner.set_faults(options.faults.clone());
        let shared = Shared { clock, options, number: AtomicU64::new(0), inner: Mutex::new(inner) };
        Self { shared: Arc::new(shared) }
    }

    /// Everything it serves. In a test with paused time, use this as a `tower::Service`.
    pub fn router(&self) -> axum::Router {
        service::router(self.clone())
    }

    /// What is true now of the records that started at or after `from_millis`.
    pub fn truth(&self, from_millis: i64) -> Truth {
        let mut inner = self.lock();
        inner.world.advance(self.shared.clock.now_millis());
        truth::tell(&inner.world, from_millis, inner.dialect.times)
    }

    /// Looks at or changes the world as it is now.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.lock();
        inner.world.advance(self.shared.clock.now_millis());
        change(&mut inner.world)
    }

    /// Sets a hook: `change` runs whenever a request to the endpoint is about to be answered, and
    /// may change the world that the answer will show. It must not use the simulator itself, which
    /// waits for it; only the world that it is given.
    pub fn before_request(
        &self,
        endpoint: Endpoint,
        change: impl FnMut(&Turn<'_>, &mut World) + Send + 'static,
    ) {
        self.lock().hooks.add(When::Before, endpoint, change);
    }

    /// Sets a hook like [`Simulator::before_request`] that runs when the answer is written: it sees
    /// the rows, and what it changes shows from the next request on.
    pub fn after_request(
        &self,
        endpoint: Endpoint,
        change: impl FnMut(&Turn<'_>, &mut World) + Send + 'static,
    ) {
        self.lock().hooks.add(When::After, endpoint, change);
    }

    /// Removes every hook.
    pub fn clear_hooks(&self) {
        self.lock().hooks.clear();
    }

    /// Replaces the faults; their counts begin anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut inner = self.lock();
        inner.world.advance(self.shared.clock.now_millis());
        inner.set_faults(faults);
    }

    /// Changes how it reads its documents, from the next request on.
    pub fn set_dialect(&self, change: impl FnOnce(&mut Dialect)) {
        change(&mut self.lock().dialect);
    }

    /// The requests so far.
    pub fn requests(&self) -> Requests {
        let inner = self.lock();
        let mut requests = Requests::default();
        for ((endpoint, outcome), count) in &inner.counts {
            requests.total += count;
            requests.counts.entry(endpoint.name()).or_default().insert(outcome.clone(), *count);
        }
        requests.recent = inner.recent.iter().cloned().collect();
        requests
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that panics inside an edit must not take the others' server down.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set_faults(&mut self, faults: Vec<Fault>) {
        self.faults = Faults::new(faults);
        self.past = self.faults.need_past().then(|| self.world.clone());
    }

    fn note(&mut self, endpoint: Endpoint, outcome: String, uri: &http::Uri) {
        *self.counts.entry((endpoint, outcome)).or_default() += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(uri.to_string());
    }
}

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
