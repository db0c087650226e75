//! Counters as they are served: series, labels, and held values.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::label_forms::{FormChange, LabelForms};
use super::project_labels::ProjectLabels;
use super::user_names::UserNames;
use crate::ledger::{Counter, Counters, LabelId, Ledger, LimitedLabel, Series, TermId, Transition};

/// A counter or histogram as it is served.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterView {
    /// The series.
    pub series: Series,
    /// Label values after `project`.
    pub labels: Box<[Arc<str>]>,
    /// Current value.
    pub value: Counter,
    /// Value that is served instead for a while.
    pub held: Option<CounterHold>,
}

/// A value that a series shows when it appears or reappears, before its current one. Without it,
/// `increase()` would miss the first failure: it sees no change in a series that starts at 1.
///
/// The hold starts with the first answer that contains the series, however late that is.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterHold {
    /// Held value.
    pub shown: Counter,
    /// Duration of the hold.
    pub hold: Duration,
    /// Time of the first answer with it. Shared by all series that appeared together.
    pub first_served: Arc<OnceLock<Instant>>,
}

impl CounterHold {
    /// Notes that it is served now. Returns the end of the hold, unless it is over.
    pub fn served(&self, now: Instant) -> Option<Instant> {
        let until = *self.first_served.get_or_init(|| now) + self.hold;
        (now < until).then_some(until)
    }

    /// True if the hold is over.
    pub fn is_over(&self, now: Instant) -> bool {
        self.first_served.get().is_some_and(|first| now >= *first + self.hold)
    }
}

impl CounterView {
    /// Returns the value to serve now.
    pub fn at(&self, now: Instant) -> &Counter {
        self.held.as_ref().filter(|held| !held.is_over(now)).map_or(&self.value, |held| &held.shown)
    }
}

/// The counters that a project serves.
#[derive(Debug)]
pub struct ServedCounters {
    hold: Duration,
    forms: LabelForms,
    shown: Arc<[CounterView]>,
}

impl ServedCounters {
    /// Creates the counters of a process that starts. Every series shows its last durable value for `hold`.
    pub fn new(
        ledger: &Ledger,
        labels: &ProjectLabels,
        names: &UserNames,
        hold: Duration,
        now: Instant,
    ) -> Self {
        let mut served = Self { hold, forms: LabelForms::default(), shown: Arc::default() };
        served.forms.show(&labels.constant, names);
        served.forms.limit(labels.value_limit);
        served.update(ledger, names, ledger.counters().clone(), now);
        served
    }

    /// Shows the series with other constant labels or users, or another length of values. New label sets
    /// show 0 for the hold. Label sets that were shown before continue with their value, because no counter
    /// decreases.
    pub fn relabel(
        &mut self,
        ledger: &Ledger,
        labels: &ProjectLabels,
        names: &UserNames,
        now: Instant,
    ) {
        let changes = self.forms.show(&labels.constant, names);
        let other_limit = self.forms.limit(labels.value_limit);
        let appearing = ledger.counters().iter().filter_map(|(series, counter)| {
            let change = match series {
                Series::UserEntered(..) => changes.by_user,
                _ => changes.others,
            };
            let change = match other_limit {
                Some(earlier) if change == FormChange::Same => {
                    let values = labels_of(ledger, names, *series).unwrap_or_default();
                    self.forms.change_of_values(earlier, &values)
                }
                _ => change,
            };
            let shown = match change {
                FormChange::Same => return None,
                FormChange::New => Counter::new(*series, counter.created),
                FormChange::Returns => counter.clone(),
            };
            Some((*series, shown))
        });
        let appearing: Counters = appearing.collect();
        if !appearing.is_empty() || changes.by_user != FormChange::Same {
            self.update(ledger, names, appearing, now);
        }
    }

    /// Returns the hold of series that appear.
    pub fn hold(&self) -> Duration {
        self.hold
    }

    /// Sets the hold of series that appear from now on.
    pub fn hold_for(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// Returns the series, ordered by family and labels.
    pub fn shown(&self) -> Arc<[CounterView]> {
        self.shown.clone()
    }

    /// Returns the series that appear with a transition, with the values to hold: 0 for a new one, and the
    /// last served value for one whose label value was folded and gets a series of its own again.
    pub fn appearing(ledger: &Ledger, changes: &Transition) -> Counters {
        let is_new = |series: &&Series| !ledger.counters().contains_key(series);
        let born = changes.counters().iter().filter(|(series, _)| is_new(series));
        let born = born.map(|(series, now)| (*series, Counter::new(*series, now.created)));
        let back = ledger.counters().iter().filter(|(series, _)| {
            !is_shown(ledger, **series)
                && value_of(**series).is_some_and(|(label, id)| changes.gives_slot(label, id))
        });
        born.chain(back.map(|(series, counter)| (*series, counter.clone()))).collect()
    }

    /// Takes the counters after a commit. Those in `appearing` are held at these values.
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
            // Series that appear together end their hold together. Otherwise a ratio of two of them would
            // be wrong for a while.
            let first_served = Arc::default();
            let duration = self.hold;
            let hold_at = |shown| CounterHold {
                shown,
                hold: duration,
                first_served: Arc::clone(&first_served),
            };
            held.extend(appearing.into_iter().map(|(series, shown)| (series, hold_at(shown))));
        }
        self.show(ledger, names, |series, value| (value.clone(), held.remove(&series)));
    }

    /// Takes the counters of a replica, whose holds are part of the ledger.
    pub fn follow(&mut self, ledger: &Ledger, names: &UserNames) {
        self.show(ledger, names, |series, value| {
            (ledger.held(series).unwrap_or(value).clone(), None)
        });
    }

    /// Shows the counters of a ledger with the values and holds of `value_of`.
    fn show(
        &mut self,
        ledger: &Ledger,
        names: &UserNames,
        mut value_of: impl FnMut(Series, &Counter) -> (Counter, Option<CounterHold>),
    ) {
        let series = ledger.counters().iter().filter(|(series, _)| is_shown(ledger, **series));
        let series = series.filter_map(|(series, value)| {
            Some((*series, labels_of(ledger, names, *series)?, value))
        });
        let mut series: Vec<_> = series.collect();
        series.sort_by(|(one, one_labels, _), (other, other_labels, _)| {
            (one.family(), one_labels).cmp(&(other.family(), other_labels))
        });
        let served = series.into_iter().map(|(series, labels, value)| {
            let (value, held) = value_of(series, value);
            CounterView { series, labels, value, held }
        });
        self.shown = served.collect();
    }
}

fn is_shown(ledger: &Ledger, series: Series) -> bool {
    value_of(series).is_none_or(|(limited, label)| match limited {
        LimitedLabel::User => ledger.slots().user(label) == label,
        _ => ledger.slots().pool(label) == label,
    })
}

/// Returns the user or pool of a series, which may be folded.
fn value_of(series: Series) -> Option<(LimitedLabel, LabelId)> {
    match series {
        Series::Seen(_, pool)
        | Series::Entered(_, _, pool)
        | Series::Expired(_, pool)
        | Series::UploadedBytes(_, pool)
        | Series::UploadedSeconds(_, pool) => Some((LimitedLabel::Pool, pool)),
        Series::UserEntered(user, _) => Some((LimitedLabel::User, user)),
        _ => None,
    }
}

/// Returns the label values of a series; `None` for a series by user if users are not shown.
fn labels_of(ledger: &Ledger, names: &UserNames, series: Series) -> Option<Box<[Arc<str>]>> {
    let term = |term: TermId| ledger.term(term).clone();
    let text = |label: LabelId| ledger.label(label).clone();
    Some(match series {
        Series::Seen(kind, pool)
        | Series::UploadedBytes(kind, pool)
        | Series::UploadedSeconds(kind, pool) => [term(kind), text(pool)].into(),
        Series::Entered(status, kind, pool) => [term(status), term(kind), text(pool)].into(),
        Series::UserEntered(user, status) => [names.shown(&text(user))?, term(status)].into(),
        Series::Expired(status, pool) => [term(status), text(pool)].into(),
        Series::FileSize(kind) | Series::VideoDuration(kind) | Series::UploadDelay(kind) => {
            [term(kind)].into()
        }
    })
}
