//! Moments at which a test changes the world by hand: just before and just after a request is
//! answered.
//!
//! A hook runs at the one moment at which the world is looked at, after half of the latency. It
//! holds the simulator: from inside, only the world that it is given may be used.

use crate::{
    wire::request::{Endpoint, Request},
    world::World,
};

/// A request that is answered, as a hook sees it.
#[derive(Debug, Clone, Copy)]
pub struct HookContext<'t> {
    /// Which request to the endpoint it is, from 1, since the hook was set. Requests that a fault
    /// or the gateway answers count too.
    pub number: u64,
    /// The query string as it was sent.
    pub query: &'t str,
    /// The ids on the page, in its order; none before the answer, nor where a fault or a refusal
    /// took its place.
    pub rows: &'t [u128],
    /// Whether the answer shows the world as it was when the faults were set.
    pub is_stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookPhase {
    BeforeAnswer,
    AfterAnswer,
}

type Change = Box<dyn FnMut(&HookContext<'_>, &mut World) + Send>;

struct Hook {
    phase: HookPhase,
    endpoint: Endpoint,
    seen: u64,
    change: Change,
}

/// The hooks that are set.
#[derive(Default)]
pub(crate) struct Hooks(Vec<Hook>);

impl Hooks {
    pub(crate) fn add(
        &mut self,
        phase: HookPhase,
        endpoint: Endpoint,
        change: impl FnMut(&HookContext<'_>, &mut World) + Send + 'static,
    ) {
        self.0.push(Hook { phase, endpoint, seen: 0, change: Box::new(change) });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Runs the hooks of a moment in the order in which they were set.
    pub(crate) fn run(
        &mut self,
        phase: HookPhase,
        request: &Request<'_>,
        (rows, is_stale): (&[u128], bool),
        world: &mut World,
    ) {
        let due = |hook: &&mut Hook| hook.phase == phase && hook.endpoint == request.endpoint;
        for hook in self.0.iter_mut().filter(due) {
            hook.seen += 1;
            let query = request.uri.query().unwrap_or_default();
            (hook.change)(&HookContext { number: hook.seen, query, rows, is_stale }, world);
        }
    }
}
