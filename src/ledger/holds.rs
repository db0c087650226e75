//! Values that replicas show of series for a while, before the current ones.
//!
//! All replicas show them until the same commit. A time of the process would end them at another time in
//! each, and a series would go back from one answer to the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counters::{Counter, Series};
use super::native::NativeBuckets;
use records_api::record::Timestamp;

/// A value that a series shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hold {
    /// The value, without exemplar.
    pub(super) shown: Counter,
    /// Native buckets of a histogram, which a counter does not serialize.
    pub(super) native: Option<NativeBuckets>,
    /// Time of the commit with which it began.
    pub(super) since: Timestamp,
}

impl Hold {
    /// Creates a hold at this value.
    pub(super) fn at(shown: &Counter, since: Timestamp) -> Self {
        let native = shown.histogram.as_ref().map(|histogram| histogram.native.clone());
        Self { shown: shown.clone(), native, since }
    }
}

/// Values that series show.
#[derive(Debug, Default)]
pub(super) struct Holds(BTreeMap<Series, Hold>);

impl Holds {
    /// Begins a hold.
    pub(super) fn begin(&mut self, series: Series, mut hold: Hold) {
        hold.shown.exemplar = None;
        if let (Some(histogram), Some(native)) = (&mut hold.shown.histogram, &hold.native) {
            histogram.native.clone_from(native);
        }
        self.0.insert(series, hold);
    }

    /// Ends the holds that have lasted for `hold_millis` at the time of a commit.
    pub(super) fn end(&mut self, now: Timestamp, hold_millis: u64) {
        let hold = i64::try_from(hold_millis).unwrap_or(i64::MAX);
        self.0.retain(|_, held| {
            // After a step of the clock to the past, a hold would last longer than configured.
            let age = now.millis().saturating_sub(held.since.millis());
            (0..hold).contains(&age)
        });
    }

    /// Returns the value that a series shows, if it is held.
    pub(super) fn shown(&self, series: Series) -> Option<&Counter> {
        self.0.get(&series).map(|hold| &hold.shown)
    }

    /// Removes the holds of series that do not exist any more.
    pub(super) fn retain(&mut self, mut exists: impl FnMut(&Series) -> bool) {
        self.0.retain(|series, _| exists(series));
    }

    /// Returns the holds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Series, &Hold)> {
        self.0.iter().map(|(series, hold)| (*series, hold))
    }
}

#[cfg(test)]
mod tests {
    use super::super::terms::TermId;
    use super::*;

    #[test]
    fn a_hold_ends_with_the_first_commit_after_its_time() {
        let at = Timestamp::from_millis;
        let series = Series::FileSize(TermId::NONE);
        for (since, now, hold_millis, is_held) in [
            (1000, 1000, 60_000, true),
            (1000, 60_999, 60_000, true),
            (1000, 61_000, 60_000, false),
            (1000, 1000, 0, false),
            // The clock was set back.
            (1000, 999, 60_000, false),
            (i64::MIN + 1, i64::MAX, u64::MAX, false),
        ] {
            let mut holds = Holds::default();
            holds.begin(series, Hold::at(&Counter::new(series, at(0)), at(since)));
            holds.end(at(now), hold_millis);
            assert_eq!(holds.shown(series).is_some(), is_held, "{since} {now} {hold_millis}");
        }
    }
}
