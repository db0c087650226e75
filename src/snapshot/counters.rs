//! The counters as they are served: which series, under which labels, and which values are held back.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::user_names::UserNames;
use crate::ledger::{Counter, Counters, LabelId, Ledger, Limited, Series, TermId, Transition};

/// A series as it is served.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterView {
    /// The series.
    pub series: Series,
    /// Its label values after `project`.
    pub labels: Box<[Arc<str>]>,
    /// Its value.
    pub value: Counter,
    /// The value that it shows for a while instead.
    pub held: Option<CounterHold>,
}

/// A value that a series shows for a while: `increase()` does not see a series that is born, or comes
/// back, with more than its last known value. The while begins with the first answer that shows it, however late that is.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterHold {
    /// The value.
    pub shown: Counter,
    /// How long it is shown.
    pub hold: Duration,
    /// When it was first served. Shared by all series that appeared together.
    pub first_served: Arc<OnceLock<Instant>>,
}

impl CounterHold {
    /// Notes that it is served now. Returns until when it is shown, if it still is.
    pub fn served(&self, now: Instant) -> Option<Instant> {
        let until = *self.first_served.get_or_init(|| now) + self.hold;
        (now < until).then_some(until)
    }

    /// Whether it was shown long enough.
    pub fn is_over(&self, now: Instant) -> bool {
        self.first_served.get().is_some_and(|first| now >= *first + self.hold)
    }
}

impl CounterView {
    /// The value to serve now.
    pub fn at(&self, now: Instant) -> &Counter {
        self.held.as_ref().filter(|held| !held.is_over(now)).map_or(&self.value, |held| &held.shown)
    }
}

/// The counters that a project serves.
#[derive(Debug)]
pub struct ServedCounters {
    hold: Duration,
    shown: Arc<[CounterView]>,
}

impl ServedCounters {
    /// The counters of a process that starts: every series shows its last durable value for `hold`.
    pub fn new(ledger: &Ledger, names: &UserNames, hold: Duration, now: Instant) -> Self {
        let mut served = Self { hold, shown: Arc::default() };
        served.update(ledger, names, ledger.counters().clone(), now);
        served
    }

    /// Sets how long series are held that appear from now on.
    pub fn hold_for(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// The series, ordered by family and labels.
    pub fn shown(&self) -> Arc<[CounterView]> {
        self.shown.clone()
    }

    /// The series that a transition lets appear, with the values that they show at first: 0, or the
    /// value at which their label value lost its slot.
    pub fn appearing(ledger: &Ledger, changes: &Transition) -> Counters {
        let is_new = |series: &&Series| !ledger.counters().contains_key(series);
        let born = changes.counters().iter().filter(|(series, _)| is_new(series));
        let born = born.map(|(series, now)| (*series, Counter::new(*series, now.created)));
        let back = ledger.counters().iter().filter(|(series, _)| {
            !is_shown(ledger, **series) && value_of(**series).is_some_and(|v| changes.gives_slot(v))
        });
        born.chain(back.map(|(series, counter)| (*series, counter.clone()))).collect()
    }

    /// Takes over the counters after a commit. `appearing` are held at these values.
    pub fn update(
        &mut self,
        ledger: &Ledger,
        names: &UserNames,
        appearing: Counters,
        now: Instant,
    ) {
        let held = self.shown.iter().filter_map(|view| Some((view.series, view.held.clone()?)));
        let mut held: BTreeMap<_, _> = held.filter(|(_, held)| !held.is_over(now)).collect();
        if !self.hold.is_zero() {
            // Series that appear together end their hold together.
            let first_served = Arc::default();
            let duration = self.hold;
            let hold_at = |shown| CounterHold {
                shown,
                hold: duration,
                first_served: Arc::clone(&first_served),
            };
            held.extend(appearing.into_iter().map(|(series, shown)| (series, hold_at(shown))));
        }
        let series = ledger.counters().iter().filter(|(series, _)| is_shown(ledger, **series));
        let series = series.filter_map(|(series, value)| {
            Some((*series, labels_of(ledger, names, *series)?, value))
        });
        let mut series: Vec<_> = series.collect();
        series.sort_by(|(one, one_labels, _), (other, other_labels, _)| {
            (one.family(), one_labels).cmp(&(other.family(), other_labels))
        });
        let served = series.into_iter().map(|(series, labels, value)| {
            let (value, held) = (value.clone(), held.remove(&series));
            CounterView { series, labels, value, held }
        });
        self.shown = served.collect();
    }
}

fn is_shown(ledger: &Ledger, series: Series) -> bool {
    value_of(series).is_none_or(|(limited, label)| match limited {
        Limited::User => ledger.slots().user(label) == label,
        _ => ledger.slots().pool(label) == label,
    })
}

/// The user or the pool of a series.
fn value_of(series: Series) -> Option<(Limited, LabelId)> {
    match series {
        Series::Seen(_, pool) | Series::Entered(_, _, pool) | Series::Expired(_, pool) => {
            Some((Limited::Pool, pool))
        }
        Series::UserEntered(user, _) => Some((Limited::User, user)),
        _ => None,
    }
}

/// The labels of a series; `None` for one of a user where users are not named.
fn labels_of(ledger: &Ledger, names: &UserNames, series: Series) -> Option<Box<[Arc<str>]>> {
    let word = |word: TermId| ledger.term(word).clone();
    let text = |label: LabelId| ledger.label(label).clone();
    Some(match series {
        Series::Seen(kind, pool) => [word(kind), text(pool)].into(),
        Series::Entered(status, kind, pool) => [word(status), word(kind), text(pool)].into(),
        Series::UserEntered(user, status) => [names.shown(&text(user))?, word(status)].into(),
        Series::Expired(status, pool) => [word(status), text(pool)].into(),
        Series::FileSize(kind) | Series::VideoDuration(kind) | Series::UploadDelay(kind) => {
            [word(kind)].into()
        }
    })
}
