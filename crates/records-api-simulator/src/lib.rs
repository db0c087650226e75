//! The upstream records API in one process: for the demo, for tests and for benches.
//!
//! It is written from what is known of the API (its reference and its SDKs), never from this
//! crate's client, so that the two can disagree. It promises: the same seed and options give the
//! same history; a listing, one record and the truth agree at any moment; nothing changes unless
//! `--live` or an edit changes it. Where the documents leave something open there is a
//! [`Dialect`]; where the service can fail there is a [`Fault`].
//!
//! IAM and the metadata service stand on the same listener; where any credential is configured, the
//! records API asks for one, and verifies signatures ([`Access`]).
//!
//! It does not compress (but for a fault), speak TLS, or keep anything between runs.

mod access;
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
mod requests;
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
    requests::Log,
};

pub use self::{
    access::{Access, AccessOptions, Asked, Credential, Imds, Lock},
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
    requests::Requests,
    rows::{RowFault, Spoil},
    truth::{Failure, Oldest, PoolFlow, PoolSums, Sums, Truth, UserFlow, UserSums},
    world::World,
};

/// How long a shutdown waits for answers on their way; some never come.
const GRACE: Duration = Duration::from_secs(1);

/// A simulated records API. Clones share everything.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

/// Tells the present moment in milliseconds since the Unix epoch, UTC.
type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

struct Shared {
    /// The clock of the service, which may be wrong on purpose.
    clock: Clock,
    options: Arc<Options>,
    number: AtomicU64,
    inner: Mutex<Inner>,
}

impl Shared {
    fn now_millis(&self) -> i64 {
        (self.clock)()
    }
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
    access: Access,
    log: Log,
}

impl Simulator {
    /// A simulator whose world begins now. `now_millis` tells the present moment in milliseconds
    /// since the Unix epoch.
    pub fn new(options: &Options, now_millis: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let options = Arc::new(options.clone());
        let ahead_millis = options.skew();
        let clock: Clock = Box::new(move || now_millis().saturating_add(ahead_millis));
        let mut inner = Inner {
            dialect: options.dialect.clone(),
            world: World::new(&options, clock()),
            faults: Faults::default(),
            hooks: Hooks::default(),
            past: None,
            chance: Xoshiro256PlusPlus::seed_from_u64(mix(options.seed ^ 0x000f_a017)),
            second: (i64::MIN, 0),
            access: Access::new(&options),
            log: Log::default(),
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
        inner.world.advance(self.shared.now_millis());
        truth::tell(&inner.world, from_millis, inner.dialect.times)
    }

    /// Looks at or changes the world as it is now.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.lock();
        inner.world.advance(self.shared.now_millis());
        change(&mut inner.world)
    }

    /// Looks at or changes the credentials that are right.
    pub fn edit_access<T>(&self, change: impl FnOnce(&mut Access) -> T) -> T {
        change(&mut self.lock().access)
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
        inner.world.advance(self.shared.now_millis());
        inner.set_faults(faults);
    }

    /// Changes how it reads its documents, from the next request on.
    pub fn set_dialect(&self, change: impl FnOnce(&mut Dialect)) {
        change(&mut self.lock().dialect);
    }

    /// The requests so far.
    pub fn requests(&self) -> Requests {
        let inner = self.lock();
        inner.log.tell(inner.access.locks())
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
