//! Keeps the beginning of a read that breaks off. In a first sync, a failed page would otherwise cost all
//! pages of its part.

use crate::ledger::Staging;
use crate::sync::extent::ReadSummary;
use crate::sync::read::reader::ExtentReader;
use crate::sync::read::segment::State;
use crate::sync::read::walk::Walk;
use records_api::record::{TimeRange, Timestamp};

/// The beginning of a range, in which every record was read.
#[derive(Debug)]
pub struct Prefix {
    /// The records that start in it.
    pub staging: Staging,
    /// Number of rows, anomalies and rejected rows in it.
    pub summary: ReadSummary,
    /// End of the prefix, in whole seconds.
    pub until: Timestamp,
    /// Start of a record that was listed at the end or later.
    pub beyond: Timestamp,
}

impl ExtentReader {
    /// Returns whether [`Self::into_prefix`] returns something.
    pub fn has_prefix(&self) -> bool {
        let is_list = self.extent.status.is_none() && !self.walk.ignores_bound;
        is_list && self.walk.reached().floor_to_second() > self.summary.window_start
    }

    /// Returns the beginning of the range up to which everything was read; `None` if that is nothing.
    pub fn into_prefix(mut self) -> Option<Prefix> {
        if !self.has_prefix() {
            return None;
        }
        let beyond = self.walk.reached();
        let until = beyond.floor_to_second();
        let range = TimeRange::new(self.summary.window_start, until);
        self.summary.first_start = self.walk.first_start();
        self.staging.retain_before(until);
        self.summary.anomalies.cover(range);
        self.summary.rejected = self.summary.anomalies.rejected();
        let rejected: u64 = self.summary.rejected.values().sum();
        self.summary.rows = self.staging.staged() as u64 + rejected;
        Some(Prefix { staging: self.staging, summary: self.summary, until, beyond })
    }
}

impl Walk {
    /// Returns a start that was listed, before which every record was read.
    fn reached(&self) -> Timestamp {
        let mut order: Vec<_> = self.segments.iter().collect();
        order.sort_by_key(|segment| segment.range.start);
        let mut reached = order[0].reached;
        for pair in order.windows(2) {
            let (left, right) = (pair[0], pair[1]);
            // As in `boundaries`: the right list has the row that the left one saw after its end.
            let meets = left
                .first_start_beyond
                .zip(right.first_start)
                .is_some_and(|(seen, first)| first <= seen);
            if left.state != State::Done || !meets {
                break;
            }
            reached = reached.max(right.reached);
        }
        reached
    }
}
