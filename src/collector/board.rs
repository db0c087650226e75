//! The counters as they are shown: which, under which labels, and what is held back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::aggregate::UserNames;
use crate::exposition::{CounterHold, CounterView, family_of};
use crate::ledger::{Counter, Counters, LabelId, Ledger, Limited, Series, TermId, Transition};

/// What every series of a project shows.
#[derive(Debug)]
pub(super) struct Board {
    hold: Duration,
    shown: Arc<[CounterView]>,
}

impl Board {
    /// The board of a process that begins: every series shows its last durable value for `hold`, from
    /// when it is first asked for.
    pub(super) fn new(ledger: &Ledger, names: &UserNames, hold: Duration, now: Instant) -> Self {
        let mut board = Self { hold, shown: Arc::default() };
        board.update(ledger, names, ledger.counters().clone(), now);
        board
    }

    /// How long what appears from now on is held.
    pub(super) fn hold_for(&mut self, hold: Duration) {
        self.hold = hold;
    }

    /// What is shown.
    pub(super) fn shown(&self) -> Arc<[CounterView]> {
        self.shown.clone()
    }

    /// The series that a commit lets appear, with what they show at first: nothing, or what they
    /// stood at when their label value lost its slot.
    pub(super) fn appearing(ledger: &Ledger, changes: &Transition) -> Counters {
        let is_new = |series: &&Series| !ledger.counters().contains_key(series);
        let born = changes.counters().iter().filter(|(series, _)| is_new(series));
        let born = born.map(|(series, now)| (*series, Counter::new(*series, now.created)));
        let back = ledger.counters().iter().filter(|(series, _)| {
            !is_shown(ledger, **series) && value_of(**series).is_some_and(|v| changes.gives_slot(v))
        });
        born.chain(back.map(|(series, counter)| (*series, counter.clone()))).collect()
    }

    /// Takes what stands after a commit, and what appears with it, which shows that for a while,
    /// whatever is counted meanwhile.
    pub(super) fn update(
        &mut self,
        ledger: &Ledger,
        names: &UserNames,
        appearing: Counters,
        now: Instant,
    ) {
        let held = self.shown.iter().filter_map(|view| Some((view.series, view.held.clone()?)));
        let mut held: BTreeMap<_, _> = held.filter(|(_, held)| !held.is_over(now)).collect();
        if !self.hold.is_zero() {
            // What appears together is shown together.
            let seen = Arc::default();
            let first = |shown| CounterHold { shown, hold: self.hold, seen: Arc::clone(&seen) };
            held.extend(appearing.into_iter().map(|(series, shown)| (series, first(shown))));
        }
        let series = ledger.counters().iter().filter(|(series, _)| is_shown(ledger, **series));
        let series = series.filter_map(|(series, value)| {
            Some((*series, labels_of(ledger, names, *series)?, value))
        });
        let mut series: Vec<_> = series.collect();
        series.sort_by(|(one, one_labels, _), (other, other_labels, _)| {
            let family = |series: &Series| family_of(*series).name;
            (family(one), one_labels).cmp(&(family(other), other_labels))
        });
        let views = series.into_iter().map(|(series, labels, value)| {
            let (value, held) = (value.clone(), held.remove(&series));
            CounterView { series, labels, value, held }
        });
        self.shown = views.collect();
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

/// The labels of a series, unless it is one of a user and there are none such.
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
