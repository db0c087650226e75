//! The counters as they are shown: which, under which labels, and what is held back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::exposition::{CounterView, Held, family_of};
use crate::store::{Changes, Counter, Counters, Label, Limited, Series, Store, Word};

/// What every series of a project shows.
#[derive(Debug)]
pub(super) struct Board {
    hold: Duration,
    /// What a series shows for a while, whatever is counted meanwhile.
    held: BTreeMap<Series, Held>,
    shown: Arc<[CounterView]>,
}

impl Board {
    /// The board of a process that begins: every series shows its last durable value for `hold`, from
    /// when it is first asked for.
    pub(super) fn new(store: &Store, hold: Duration, now: Instant) -> Self {
        let mut board = Self { hold, held: BTreeMap::new(), shown: Arc::default() };
        board.hold_back(store.counters.clone());
        board.refresh(store, now);
        board
    }

    /// What is shown.
    pub(super) fn shown(&self) -> Arc<[CounterView]> {
        self.shown.clone()
    }

    /// The series that a commit lets appear, with what they show at first: nothing, or what they
    /// stood at when their label value lost its slot.
    pub(super) fn appearing(store: &Store, changes: &Changes) -> Counters {
        let is_new = |series: &&Series| !store.counters.contains_key(series);
        let born = changes.counters().keys().filter(is_new);
        let born = born.map(|series| (*series, Counter::new(*series, changes.poll().begun)));
        let back = store.counters.iter().filter(|(series, _)| {
            !is_shown(store, **series) && value_of(**series).is_some_and(|v| changes.gives_slot(v))
        });
        born.chain(back.map(|(series, counter)| (*series, counter.clone()))).collect()
    }

    /// Takes what stands after a commit, and what appears with it.
    pub(super) fn update(&mut self, store: &Store, appearing: Counters, now: Instant) {
        self.hold_back(appearing);
        self.refresh(store, now);
    }

    fn refresh(&mut self, store: &Store, now: Instant) {
        self.held.retain(|_, held| !held.is_over(now));
        let mut views: Vec<_> = store
            .counters
            .iter()
            .filter(|(series, _)| is_shown(store, **series))
            .map(|(series, value)| CounterView {
                series: *series,
                labels: labels_of(store, *series),
                value: value.clone(),
                held: self.held.get(series).cloned(),
            })
            .collect();
        views.sort_by(|one, other| {
            let family = |view: &CounterView| family_of(view.series).name;
            (family(one), &one.labels).cmp(&(family(other), &other.labels))
        });
        self.shown = views.into();
    }

    fn hold_back(&mut self, counters: Counters) {
        if !self.hold.is_zero() {
            // What appears together is shown together.
            let seen = Arc::default();
            let held = |shown| Held { shown, hold: self.hold, seen: Arc::clone(&seen) };
            self.held.extend(counters.into_iter().map(|(series, shown)| (series, held(shown))));
        }
    }
}

fn is_shown(store: &Store, series: Series) -> bool {
    value_of(series).is_none_or(|(limited, label)| match limited {
        Limited::User => store.slots.user(label) == label,
        _ => store.slots.pool(label) == label,
    })
}

/// The user or the pool of a series.
fn value_of(series: Series) -> Option<(Limited, Label)> {
    match series {
        Series::Seen(_, pool) | Series::Entered(_, _, pool) | Series::Expired(_, pool) => {
            Some((Limited::Pool, pool))
        }
        Series::UserEntered(user, _) => Some((Limited::User, user)),
        _ => None,
    }
}

fn labels_of(store: &Store, series: Series) -> Vec<String> {
    let word = |word: Word| store.words.text(word).to_owned();
    let text = |label: Label| store.labels.text(label).to_owned();
    match series {
        Series::Seen(kind, pool) => vec![word(kind), text(pool)],
        Series::Entered(status, kind, pool) => vec![word(status), word(kind), text(pool)],
        Series::UserEntered(user, status) => vec![text(user), word(status)],
        Series::Expired(status, pool) => vec![word(status), text(pool)],
        Series::FileSize(kind) | Series::VideoDuration(kind) | Series::UploadDelay(kind) => {
            vec![word(kind)]
        }
    }
}
