//! The simulator: the world, the faults and the credentials behind one lock.

pub(crate) mod hooks;
mod rate_limiter;
pub(crate) mod request_log;

use std::sync::{Arc, atomic::AtomicU64};

use parking_lot::{Mutex, MutexGuard};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use self::{
    hooks::{HookContext, HookPhase, Hooks},
    rate_limiter::RateLimiter,
    request_log::{RequestLog, Requests},
};
use crate::{
    access::Access,
    dialect::Dialect,
    faults::{Fault, schedule::FaultSchedule},
    mix::mix,
    options::Options,
    truth::{Truth, compute::compute},
    wire::request::Endpoint,
    world::World,
};

/// A simulated records API. Clones share everything.
#[derive(Clone)]
pub struct Simulator {
    pub(super) shared: Arc<Shared>,
}

/// Returns the current time in milliseconds since the Unix epoch, UTC.
type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

pub(super) struct Shared {
    /// The clock of the service, which may be wrong on purpose.
    clock: Clock,
    pub(super) options: Arc<Options>,
    pub(super) number: AtomicU64,
    state: Mutex<SimulatorState>,
}

impl Shared {
    pub(super) fn now_millis(&self) -> i64 {
        (self.clock)()
    }
}

pub(super) struct SimulatorState {
    pub(super) options: Arc<Options>,
    pub(super) dialect: Dialect,
    pub(super) world: World,
    pub(super) faults: FaultSchedule,
    pub(super) hooks: Hooks,
    /// The world when the faults were set, for stale answers.
    pub(super) past_world: Option<World>,
    /// Random numbers for faults. Separate from the world's, so that faults do not change its
    /// history.
    pub(super) fault_rng: Xoshiro256PlusPlus,
    /// The requests of the current second.
    pub(super) rate_limiter: RateLimiter,
    pub(super) access: Access,
    pub(super) request_log: RequestLog,
}

impl Simulator {
    /// Creates a simulator whose world begins now. `now_millis` returns the current time in
    /// milliseconds since the Unix epoch.
    pub fn new(options: &Options, now_millis: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let options = Arc::new(options.clone());
        let skew_millis = options.skew();
        let clock: Clock = Box::new(move || now_millis().saturating_add(skew_millis));
        let mut state = SimulatorState {
            dialect: options.dialect.clone(),
            world: World::new(options.world(), clock()),
            faults: FaultSchedule::default(),
            hooks: Hooks::default(),
            past_world: None,
            fault_rng: Xoshiro256PlusPlus::seed_from_u64(mix(options.seed ^ 0x000f_a017)),
            rate_limiter: RateLimiter::default(),
            access: Access::new(
                &options.access,
                options.token.as_deref(),
                options.project_id.as_deref(),
                options.seed,
            ),
            request_log: RequestLog::default(),
            options: Arc::clone(&options),
        };
        state.set_faults(options.faults.clone());
        let shared = Shared { clock, options, number: AtomicU64::new(0), state: Mutex::new(state) };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the truth about the records that started at or after `from_millis`. The last day ends
    /// now.
    pub fn truth(&self, from_millis: i64) -> Truth {
        self.truth_of_day(from_millis, self.shared.now_millis())
    }

    /// Returns the truth about the records that started at or after `from_millis`. The last day ends
    /// at `day_end_millis`.
    pub fn truth_of_day(&self, from_millis: i64, day_end_millis: i64) -> Truth {
        let mut state = self.lock();
        state.world.advance(self.shared.now_millis());
        compute(&state.world, from_millis, day_end_millis, state.dialect.times)
    }

    /// Reads or changes the current world.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.lock();
        state.world.advance(self.shared.now_millis());
        change(&mut state.world)
    }

    /// Reads or changes the valid credentials.
    pub fn edit_access<T>(&self, change: impl FnOnce(&mut Access) -> T) -> T {
        change(&mut self.lock().access)
    }

    /// Sets a hook that runs before each answer of the endpoint and may change the world that the
    /// answer shows. The hook holds the simulator's lock, so it must use only the world that it is
    /// given.
    pub fn before_request(
        &self,
        endpoint: Endpoint,
        change: impl FnMut(&HookContext<'_>, &mut World) + Send + 'static,
    ) {
        self.lock().hooks.add(HookPhase::BeforeAnswer, endpoint, change);
    }

    /// Sets a hook that runs after each answer of the endpoint. It sees the rows of the answer; its
    /// changes show from the next request on.
    pub fn after_request(
        &self,
        endpoint: Endpoint,
        change: impl FnMut(&HookContext<'_>, &mut World) + Send + 'static,
    ) {
        self.lock().hooks.add(HookPhase::AfterAnswer, endpoint, change);
    }

    /// Removes every hook.
    pub fn clear_hooks(&self) {
        self.lock().hooks.clear();
    }

    /// Replaces the faults and resets their counts.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut state = self.lock();
        state.world.advance(self.shared.now_millis());
        state.set_faults(faults);
    }

    /// Changes the dialect from the next request on.
    pub fn set_dialect(&self, change: impl FnOnce(&mut Dialect)) {
        change(&mut self.lock().dialect);
    }

    /// Returns the request log.
    pub fn requests(&self) -> Requests {
        let state = self.lock();
        state.request_log.summary(state.access.locks())
    }

    /// A panic inside an edit of one test does not poison the lock for the others.
    pub(super) fn lock(&self) -> MutexGuard<'_, SimulatorState> {
        self.shared.state.lock()
    }
}

impl SimulatorState {
    fn set_faults(&mut self, faults: Vec<Fault>) {
        self.faults = FaultSchedule::new(faults);
        self.past_world = self.faults.needs_past_world().then(|| self.world.clone());
    }
}
