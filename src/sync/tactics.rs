//! What a poll asks for: everything, or only what can have changed. Pure.
//!
//! After a reading of the whole window a poll asks for what is new, for what is in flight, for a
//! few counts, and for a slice of the window, so that every record is read again within the
//! reconcile interval. Each of these is an optimisation that may turn out not to hold: then the
//! next poll does without it, at the latest by reading everything.

use super::extent::{Extent, ReadSummary};
use super::scrub::Scrub;
use crate::record::{Status, Timestamp};
use crate::store::{Draft, Store};

/// The statuses of what is in flight, in the order in which they are asked for.
const IN_FLIGHT: [Status; 3] = [Status::Recording, Status::RecCompleted, Status::Uploading];
/// A window of so many pages is read whole: that costs no more requests than asking what changed.
const FEW_PAGES: u64 = 3;
/// Rows at the end of the window that are read again with what is new: a quarter of a page, but no
/// more than this. What arrives a little late lies there.
const MOST_OVERLAP: u64 = 100;
/// What was refused is tried again after an hour.
const RETRY_MILLIS: i64 = 3_600_000;

/// What is known of the other side, and how far the window was read when.
#[derive(Debug)]
pub struct Tactics {
    scrub: Scrub,
    /// Until when the status filter is left alone.
    no_filter_until: Option<Timestamp>,
    counts: Counts,
    /// Until when counts are not asked for, since one was missing.
    no_counts_until: Option<Timestamp>,
    /// A bound is not paid heed to, or a poll met contradictions: everything is to be read.
    wants_everything: bool,
    is_unbounded: bool,
}

/// What the counts are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// There are none, or nobody can tell what they should be.
    Unusable,
    /// They differ by this from what was read, whenever everything was read.
    Usable {
        /// The API's count of the window less what was read of it.
        excess: i64,
        /// Whether a count may end a list.
        are_right: bool,
        /// The difference beyond that in the last poll.
        last: i64,
    },
}

/// What a poll asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The whole window.
    Everything,
    /// What can have changed.
    Changes {
        /// What is new begins here.
        news: Timestamp,
        /// Statuses to list over the whole window.
        lists: Vec<Status>,
        /// Whether the window is counted.
        counts: bool,
        /// A slice to read again.
        slice: Option<(Timestamp, Timestamp)>,
    },
}

/// How a poll asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only for what can have changed.
    Incremental,
    /// The same without the status filter.
    NoStatusFilter,
    /// The same without counts.
    NoCounts,
    /// For everything.
    FullWalk,
}

impl Tactics {
    /// Nothing is known: everything is read first.
    pub fn new(reconcile_interval_millis: i64) -> Self {
        Self {
            scrub: Scrub::new(reconcile_interval_millis),
            no_filter_until: None,
            counts: Counts::Unusable,
            no_counts_until: None,
            wants_everything: true,
            is_unbounded: false,
        }
    }

    /// What to ask for in a poll that begins now, in pages of `page` rows.
    pub fn plan(
        &mut self,
        store: &Store,
        (window_start, now): (Timestamp, Timestamp),
        page: u32,
        filters_status: bool,
    ) -> Plan {
        let known = store.shown_since(window_start);
        let page = u64::from(page);
        let begins_earlier = store.last_poll.as_ref().is_none_or(|p| window_start < p.window_start);
        let is_overdue = self.scrub.is_overdue(now);
        if self.wants_everything
            || is_overdue
            || self.is_unbounded
            || begins_earlier
            || known < FEW_PAGES * page
        {
            return Plan::Everything;
        }
        let overlap = (page / 4).clamp(1, MOST_OVERLAP);
        let news = store.start_at(known.saturating_sub(overlap), window_start);
        let news = news.unwrap_or(window_start).floor_to_second();
        let filter_works = self.no_filter_until.is_none_or(|until| now >= until);
        Plan::Changes {
            news,
            lists: if filter_works && !filters_status { IN_FLIGHT.to_vec() } else { Vec::new() },
            counts: self.has_counts(now),
            slice: self.scrub.slice(store, (window_start, news), now, page),
        }
    }

    /// Whether a count may end a list.
    pub fn trusts_counts(&self) -> bool {
        matches!(self.counts, Counts::Usable { are_right: true, .. })
    }

    /// Everything was read by a poll that began at `now`.
    pub fn note_everything(
        &mut self,
        summary: &ReadSummary,
        shown: u64,
        page: u32,
        now: Timestamp,
    ) {
        self.wants_everything = false;
        self.is_unbounded = summary.is_unbounded;
        self.scrub.note_everything(now);
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.counts = match summary.reported {
            // A count of a window that fits into a page may be one of the page.
            Some(reported) if !summary.shows_earlier && summary.unfiltered == 0 => Counts::Usable {
                excess: signed(reported) - signed(shown),
                are_right: summary.counts_right && shown > u64::from(page),
                last: 0,
            },
            _ => Counts::Unusable,
        };
    }

    /// A list by status gave other records, or was refused.
    pub fn note_no_filter(&mut self, now: Timestamp) {
        self.no_filter_until = Some(now.plus_millis(RETRY_MILLIS));
    }

    /// A slice was read by a poll that began at `now`, and all from `news` on.
    pub fn note_slice(&mut self, slice: (Timestamp, Timestamp), news: Timestamp, now: Timestamp) {
        self.scrub.note_slice(slice, news, now);
    }

    /// A poll found `shown` records in the window where the API counts `total`. A difference that
    /// two polls in a row show is no chance.
    pub fn note_count(&mut self, total: Option<u64>, shown: u64, now: Timestamp) {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        match (&mut self.counts, total) {
            (Counts::Usable { excess, last, .. }, Some(total)) => {
                let difference = signed(total) - signed(shown) - *excess;
                self.wants_everything |= difference != 0 && *last != 0;
                *last = difference;
            }
            (Counts::Usable { .. }, None) => {
                self.no_counts_until = Some(now.plus_millis(RETRY_MILLIS));
            }
            (Counts::Unusable, _) => {}
        }
    }

    fn has_counts(&self, now: Timestamp) -> bool {
        self.counts != Counts::Unusable && self.no_counts_until.is_none_or(|until| now >= until)
    }

    /// A poll met contradictions: the next one reads everything.
    pub fn note_contradiction(&mut self) {
        self.wants_everything = true;
    }

    /// When the record was read that was read longest ago.
    pub fn oldest_read(&self) -> Option<Timestamp> {
        self.scrub.oldest_read()
    }

    /// How it asks at present.
    pub fn mode(&self, now: Timestamp) -> Mode {
        if self.is_unbounded {
            Mode::FullWalk
        } else if self.no_filter_until.is_some_and(|until| now < until) {
            Mode::NoStatusFilter
        } else if !self.has_counts(now) {
            Mode::NoCounts
        } else {
            Mode::Incremental
        }
    }
}

/// What is in flight and was not read by `draft`: it is read again where it lies, neighbours in one
/// extent.
pub fn flights_left(
    store: &Store,
    draft: &Draft,
    window_start: Timestamp,
    page: u32,
) -> Vec<Extent> {
    let most = u64::from(page).saturating_sub(1).max(1);
    let mut extents: Vec<Extent> = Vec::new();
    let mut rows = 0;
    for start in store.flights(window_start, |key| draft.has_read(store, key)) {
        let from = start.floor_to_second();
        let until = from.plus_millis(1000);
        if let Some(last) = extents.last_mut() {
            let begun = last.until.unwrap_or(from);
            let more = store.count_between(begun, until.max(begun));
            if rows + more <= most {
                rows += more;
                last.until = Some(until.max(begun));
                continue;
            }
        }
        rows = store.count_between(from, until);
        extents.push(Extent { from, until: Some(until), status: None });
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_counts_asks_for_everything_when_two_polls_show_it() {
        let mut tactics = Tactics::new(3_600_000);
        tactics.wants_everything = false;
        tactics.counts = Counts::Usable { excess: 7, are_right: false, last: 0 };
        for (total, shown, wants) in [
            (107, 100, false),
            (108, 100, false),
            (107, 100, false),
            (100, 100, false),
            (101, 101, true),
        ] {
            tactics.note_count(Some(total), shown, Timestamp::default());
            assert_eq!(tactics.wants_everything, wants, "{total} {shown}");
        }
    }
}
