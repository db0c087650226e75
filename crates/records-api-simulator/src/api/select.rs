//! Selects the records that a query matches, and the ones on its page.
//!
//! If the bounds are compared with starts and the only filter is the status, the matches are a
//! range of a timeline, and no record is read. If a bound is compared with ends, a few earlier
//! records are added. Any other filter reads every record in the range.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};

use super::query::{Order, Query};
use crate::{
    dialect::{Dialect, EndBound, StartBound, Ties},
    world::{
        World, last_known_time,
        record::{Record, Status},
        timeline::{Entry, Timeline},
    },
};

/// The matches of a query in ascending order: `head`, then the range `lo..hi` of `tail`.
pub(crate) struct Selection<'w> {
    head: Vec<Entry>,
    tail: &'w Timeline,
    lo: usize,
    hi: usize,
}

/// Returns the matches of a query.
pub(crate) fn select<'w>(world: &'w World, query: &Query, dialect: &Dialect) -> Selection<'w> {
    let tail = world.timeline(query.status);
    let lo = query.from.map_or(0, |from| tail.rank(from));
    let hi = match (query.to, dialect.end_bound) {
        (Some(to), EndBound::Start | EndBound::Interval) => tail.rank(to.saturating_add(1)),
        _ => tail.len(),
    };
    let head = match query.from {
        Some(from) => reaching(world, query, dialect, from),
        None => Vec::new(),
    };
    let selection = Selection { head, tail, lo, hi: hi.max(lo) };
    match residual(world, query, dialect) {
        Some(matches) => selection.filtered(|slot| matches(world.record_in(slot))),
        None => selection,
    }
}

/// Returns the records that start before `from` and reach past it, if the dialect compares ends.
fn reaching(world: &World, query: &Query, dialect: &Dialect, from: i64) -> Vec<Entry> {
    if dialect.start_bound == StartBound::Start {
        return Vec::new();
    }
    let earliest = from.saturating_sub(world.max_length());
    let lasts = |record: &Record| {
        let lasting = match dialect.start_bound {
            StartBound::End => true,
            _ => record.status == Status::Recording,
        };
        record.end.is_none() && lasting
    };
    let begun = |entry: &Entry| match (query.to, dialect.end_bound) {
        (Some(to), EndBound::Start | EndBound::Interval) => entry.0 <= to,
        _ => true,
    };
    let old = world.without_end().iter_from(0).take_while(|(start, _)| *start < earliest);
    let old = old.filter(|(_, slot)| {
        let record = world.record_in(*slot);
        lasts(record) && query.status.is_none_or(|status| status == record.status)
    });
    let timeline = world.timeline(query.status);
    let near = timeline.iter_from(timeline.rank(earliest)).take_while(|(start, _)| *start < from);
    let near = near.filter(|(_, slot)| {
        let record = world.record_in(*slot);
        lasts(record) || last_known_time(record) >= from
    });
    old.chain(near).filter(begun).collect()
}

type Matches<'q> = Box<dyn Fn(&Record) -> bool + 'q>;

/// Returns the part of the query that each record must be checked for.
fn residual<'q>(world: &'q World, query: &'q Query, dialect: &Dialect) -> Option<Matches<'q>> {
    let ends_by = query.to.filter(|_| dialect.end_bound == EndBound::End);
    let names = &query.desktop_names;
    if query.kind.is_none()
        && query.username.is_none()
        && query.desktop_id.is_none()
        && names.is_empty()
        && ends_by.is_none()
    {
        return None;
    }
    let directory = world.directory();
    let user = query.username.as_deref().map(|name| directory.find_user(name));
    let desktops: Option<Vec<bool>> =
        (query.desktop_id.is_some() || !names.is_empty()).then(|| {
            let wanted = directory.desktops().iter().map(|desktop| {
                query.desktop_id.as_ref().is_none_or(|id| *id == desktop.id)
                    && (names.is_empty() || names.contains(&desktop.name.text))
            });
            wanted.collect()
        });
    Some(Box::new(move |record| {
        query.kind.is_none_or(|kind| kind == record.kind)
            && user.is_none_or(|user| user.is_some() && user == record.user)
            && desktops
                .as_ref()
                .is_none_or(|wanted| wanted.get(record.desktop as usize).copied().unwrap_or(false))
            && ends_by.is_none_or(|to| record.end.is_some_and(|end| end <= to))
    }))
}

impl Selection<'_> {
    /// Number of records that match.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + (self.hi - self.lo)
    }

    /// Returns the slots on the page of a query. `salt` gives each answer a different order of its
    /// own.
    pub(crate) fn page(&self, query: &Query, ties: Ties, salt: u64) -> Vec<u32> {
        let len = self.len();
        let begin = query.offset.min(len);
        let end = begin.saturating_add(query.limit).min(len);
        let mut page = match query.order {
            Order::Asc => self.stretch(begin, end, ties, salt),
            Order::Desc => {
                let mut page = self.stretch(len - end, len - begin, ties, salt);
                page.reverse();
                page
            }
            Order::Shuffled => {
                let shuffle = Shuffle::new(len, salt);
                (begin..end).filter_map(|position| self.get(shuffle.position(position))).collect()
            }
        };
        page.drain(..).map(|(_, slot)| slot).collect()
    }

    fn filtered(mut self, matches: impl Fn(u32) -> bool) -> Self {
        let rest = self.tail.iter_from(self.lo).take(self.hi - self.lo);
        self.head.extend(rest);
        self.head.retain(|(_, slot)| matches(*slot));
        self.hi = self.lo;
        self
    }

    fn get(&self, position: usize) -> Option<Entry> {
        match self.head.get(position) {
            Some(entry) => Some(*entry),
            None => self.tail.get(self.lo + (position - self.head.len())),
        }
    }

    /// Returns the matches from position `begin` to `end` in ascending order.
    fn stretch(&self, begin: usize, end: usize, ties: Ties, salt: u64) -> Vec<Entry> {
        if ties == Ties::Stable || begin >= end {
            return self.slice(begin, end);
        }
        let (Some(first), Some(last)) = (self.get(begin), self.get(end - 1)) else {
            return Vec::new();
        };
        // Groups of equal starts are shuffled as a whole, so that pages can cut through them.
        let wide = (self.rank(first.0), self.rank(last.0.saturating_add(1)));
        let mut entries = self.slice(wide.0, wide.1);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(salt);
        entries.chunk_by_mut(|a, b| a.0 == b.0).for_each(|group| group.shuffle(&mut rng));
        entries[begin - wide.0..end - wide.0].to_vec()
    }

    fn slice(&self, begin: usize, end: usize) -> Vec<Entry> {
        let head = self.head.len();
        let mut entries = Vec::with_capacity(end - begin);
        entries.extend_from_slice(&self.head[begin.min(head)..end.min(head)]);
        let (from, to) = (begin.max(head) - head, end.max(head) - head);
        if to > from {
            entries.extend(self.tail.iter_from(self.lo + from).take(to - from));
        }
        entries
    }

    fn rank(&self, start: i64) -> usize {
        let head = self.head.partition_point(|entry| entry.0 < start);
        head + self.tail.rank(start).clamp(self.lo, self.hi) - self.lo
    }
}

/// A permutation of the positions below `len` that needs no memory: `step * n + shift`.
struct Shuffle {
    len: usize,
    step: usize,
    shift: usize,
}

impl Shuffle {
    fn new(len: usize, salt: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(salt);
        let mut step = rng.random_range(1..=len.max(1));
        while gcd(step, len.max(1)) != 1 {
            step = rng.random_range(1..=len.max(1));
        }
        Self { len, step, shift: rng.random_range(0..len.max(1)) }
    }

    fn position(&self, position: usize) -> usize {
        let product = position as u128 * self.step as u128 + self.shift as u128;
        usize::try_from(product % self.len.max(1) as u128).unwrap_or(0)
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
