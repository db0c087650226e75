//! Hooks: changes to the world just before and just after an answer is made.
//!
//! A hook runs under the simulator's lock, halfway through the latency. It must use only the world
//! that it is given.

use crate::{
    faults::rows::{RowDefect, RowFault},
    wire::request::{Endpoint, Request},
    world::World,
};

/// A request as a hook sees it.
#[derive(Debug, Clone, Copy)]
pub struct HookContext<'t> {
    /// Number of the request to the endpoint since the hook was set, from 1. Requests that a fault
    /// or the gateway answers are counted too.
    pub number: u64,
    /// The query string, unparsed.
    pub query: &'t str,
    /// Ids of the records on the page, in its order. Empty before the answer, and if the answer is
    /// an error.
    pub rows: &'t [u128],
    /// True if the answer shows the world as it was when the faults were set.
    pub is_stale: bool,
    /// Faults of rows that hit the request.
    pub(crate) faults: &'t [RowFault],
}

impl HookContext<'_> {
    /// Returns the defect of the row of a record on the page.
    pub fn defect(&self, id: u128) -> Option<RowDefect> {
        RowFault::defect(self.faults, id)
    }
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

    /// Runs the hooks of a phase in the order in which they were set.
    pub(crate) fn run(
        &mut self,
        phase: HookPhase,
        request: &Request<'_>,
        (rows, is_stale, faults): (&[u128], bool, &[RowFault]),
        world: &mut World,
    ) {
        let due = |hook: &&mut Hook| hook.phase == phase && hook.endpoint == request.endpoint;
        for hook in self.0.iter_mut().filter(due) {
            hook.seen += 1;
            let query = request.uri.query().unwrap_or_default();
            let context = HookContext { number: hook.seen, query, rows, is_stale, faults };
            (hook.change)(&context, world);
        }
    }
}
