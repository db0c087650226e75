//! Histories: what happens to an API and to the program that watches it.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use records_api_simulator::{OverLimit, StartBound, Status, StatusFilter, TotalCount};

/// Something that happens. Numbers that pick a record count on from the end when there are fewer,
/// so that a history can be shortened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// A poll that nothing hinders.
    Poll,
    /// A poll at an API with this fault.
    PollAmid(&'static str),
    /// Two polls at an API of which some answers are of a replica that lags behind a change, and
    /// one that nothing hinders.
    PollLagging(u32, Status),
    /// A poll while so many records begin each second, and as many enter another status.
    PollLive(u32),
    /// A poll of which nothing can be written, and one that nothing hinders.
    PollFull,
    /// A poll after the state was removed with its directory.
    PollLost,
    /// A poll at an API that leaves out the status of some rows, and one that nothing hinders.
    PollNulls(u64),
    /// Another exporter polls the same API.
    PollOther,
    /// The process starts again with a clock that is so many seconds ahead of the API's.
    Clock(i64),
    /// It polls with a clock that is too far off, and gets back the one it had.
    PollAskew(i64),
    /// The process dies so many milliseconds after it began to poll, and starts again.
    Crash(u64),
    /// The process ends and starts again.
    Restart,
    /// Time passes, in seconds.
    Wait(u64),
    /// A record comes, which began so many seconds ago.
    Begin(i64, Status),
    /// A record enters a status.
    Enter(u32, Status),
    /// A record is deleted.
    Delete(u32),
    /// A record is not shown for a while.
    Hide(u32),
    /// Those are shown again.
    ShowAll,
    /// The window has so many hours from the next start on, which follows at once.
    Window(u64),
    /// The records of one type are filtered, or all are read, from the next start on.
    Filter(bool),
}

impl Step {
    /// Whether what is shown may be other than before.
    pub(super) fn may_show(self) -> bool {
        use Step::{
            Clock, Crash, Filter, Poll, PollAmid, PollAskew, PollFull, PollLagging, PollLive,
            PollLost, PollNulls, PollOther, Restart, Window,
        };
        matches!(
            self,
            Poll | PollAmid(_)
                | PollLagging(..)
                | PollLive(_)
                | PollNulls(_)
                | PollFull
                | PollLost
                | PollOther
                | Clock(_)
                | PollAskew(_)
                | Crash(_)
                | Restart
                | Window(_)
                | Filter(_)
        )
    }
}

/// How an API answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Manner {
    pub(super) limit_max: usize,
    pub(super) limit_over: OverLimit,
    pub(super) bound: StartBound,
    pub(super) filter: StatusFilter,
    pub(super) counts: TotalCount,
    /// Rows that a page asks for: few, so that there are windows of many pages.
    pub(super) page_size: u32,
    /// Whether every poll reads everything.
    pub(super) everything: bool,
    /// Records at the beginning.
    pub(super) records: usize,
    /// Users and pools that are shown as themselves.
    pub(super) labels: (usize, usize),
}

/// More users and pools than there are.
pub(super) const ALL_LABELS: (usize, usize) = (1000, 1000);

impl Manner {
    /// Whether lists by an in-flight status can be had.
    pub(super) fn filter_works(&self) -> bool {
        matches!(self.filter, StatusFilter::Documented | StatusFilter::All)
    }

    /// Whether the API counts what the window holds, and nothing that began before.
    pub(super) fn counts_right(&self) -> bool {
        self.counts == TotalCount::Right && self.bound == StartBound::Start
    }

    /// Whether there may be more users and pools than are shown as themselves.
    pub(super) fn folds(&self) -> bool {
        self.labels != ALL_LABELS
    }

    /// Ways to make a manner simpler.
    pub(super) const SIMPLER: [fn(Self) -> Self; 11] = [
        |manner| Self { limit_max: 1000, ..manner },
        |manner| Self { limit_over: OverLimit::Clamp, ..manner },
        |manner| Self { bound: StartBound::Start, ..manner },
        |manner| Self { filter: StatusFilter::Documented, ..manner },
        |manner| Self { counts: TotalCount::Right, ..manner },
        |manner| Self { page_size: 1000, ..manner },
        |manner| Self { everything: false, ..manner },
        |manner| Self { labels: ALL_LABELS, ..manner },
        |manner| Self { records: 0, ..manner },
        |manner| Self { records: manner.records / 2, ..manner },
        |manner| Self { records: manner.records.saturating_sub(1), ..manner },
    ];
}

const FAULTS: [&str; 10] = [
    "status=500",
    "status=429",
    "kind=truncated",
    "kind=html",
    "kind=reset",
    "kind=empty-object",
    "kind=empty-body",
    "status=503,rate=0.4",
    "kind=truncated,rate=0.3",
    "kind=html,after=2,times=6",
];

/// Answers that are cut.
const CUTS: [&str; 5] = [
    "kind=short",
    "kind=short,rate=0.4",
    "kind=truncated,rate=0.2",
    "kind=reset,rate=0.2",
    "kind=empty-body,times=3",
];
/// Refusals that are about something else than what was asked for.
const REFUSALS: [&str; 4] = [
    "status=400,times=2",
    "status=400,after=1,times=5",
    "status=400,times=7",
    "status=413,rate=0.2",
];

/// What happens more often in a history.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Theme {
    /// Nothing.
    Mixed,
    /// Replicas lag behind.
    Lag,
    /// Answers are cut.
    Cut,
    /// The API refuses.
    Refuse,
    /// Records begin and change while they are read.
    Live,
}

const THEMES: [Theme; 8] = [
    Theme::Mixed,
    Theme::Mixed,
    Theme::Mixed,
    Theme::Mixed,
    Theme::Lag,
    Theme::Cut,
    Theme::Refuse,
    Theme::Live,
];

/// As documented in half of the histories.
const FILTERS: [StatusFilter; 6] = [
    StatusFilter::Documented,
    StatusFilter::Documented,
    StatusFilter::Documented,
    StatusFilter::All,
    StatusFilter::Refused,
    StatusFilter::Ignored,
];
/// Right in half of the histories.
const COUNTS: [TotalCount; 8] = [
    TotalCount::Right,
    TotalCount::Right,
    TotalCount::Right,
    TotalCount::Right,
    TotalCount::Missing,
    TotalCount::Off,
    TotalCount::Page,
    TotalCount::Null,
];

/// The manner and the history of a seed.
pub(super) fn of(seed: u64) -> (Manner, Vec<Step>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let bounds = [StartBound::Start, StartBound::Start, StartBound::Interval, StartBound::End];
    let manner = Manner {
        limit_max: one_of(&mut rng, &[7, 20, 100, 1000]),
        limit_over: one_of(&mut rng, &[OverLimit::Clamp, OverLimit::Refuse]),
        bound: one_of(&mut rng, &bounds),
        filter: one_of(&mut rng, &FILTERS),
        counts: one_of(&mut rng, &COUNTS),
        page_size: one_of(&mut rng, &[4, 6, 8, 1000]),
        everything: rng.random_range(0..4) == 0,
        records: rng.random_range(0..60),
        labels: one_of(&mut rng, &[ALL_LABELS, ALL_LABELS, (3, 2)]),
    };
    let (theme, steps) = (one_of(&mut rng, &THEMES), rng.random_range(5..40));
    (manner, (0..steps).map(|_| themed(theme, &mut rng)).collect())
}

fn themed(theme: Theme, rng: &mut Xoshiro256PlusPlus) -> Step {
    if rng.random_range(0..4) > 0 {
        return step(rng);
    }
    match theme {
        Theme::Mixed => step(rng),
        Theme::Lag => Step::PollLagging(rng.random_range(0..64), status(rng)),
        Theme::Cut => Step::PollAmid(one_of(rng, &CUTS)),
        Theme::Refuse => Step::PollAmid(one_of(rng, &REFUSALS)),
        // Not by default: what is left of such polls is not understood in one history of a hundred.
        Theme::Live if std::env::var_os("LIVE").is_none() => step(rng),
        Theme::Live => Step::PollLive(one_of(rng, &[2, 10, 50])),
    }
}

fn step(rng: &mut Xoshiro256PlusPlus) -> Step {
    match rng.random_range(0..100) {
        0..17 => Step::Poll,
        17..19 => Step::PollLost,
        19..22 => Step::PollNulls(rng.random_range(0..64)),
        22..24 => Step::PollFull,
        24..26 => Step::PollLagging(rng.random_range(0..64), status(rng)),
        26..27 => Step::PollOther,
        27..29 => Step::Clock(one_of(rng, &[-240, 0, 0, 240])),
        29..30 => Step::PollAskew(one_of(rng, &[-4000, 400])),
        30..36 => Step::PollAmid(one_of(rng, &FAULTS)),
        36..41 => Step::Crash(rng.random_range(0..120)),
        41..44 => Step::Restart,
        44..54 => Step::Wait(one_of(rng, &[1, 31, 61, 600, 4000, 20_000])),
        54..66 => Step::Begin(one_of(rng, &[0, 1, 60, 3000, 30_000, 100_000]), status(rng)),
        66..88 => Step::Enter(rng.random_range(0..64), status(rng)),
        88..91 => Step::Delete(rng.random_range(0..64)),
        91..94 => Step::Hide(rng.random_range(0..64)),
        94..96 => Step::ShowAll,
        96..98 => Step::Window(one_of(rng, &[6, 24, 48])),
        _ => Step::Filter(rng.random()),
    }
}

/// A status that a record can enter. A row without a status says nothing, see [`Step::PollNulls`].
fn status(rng: &mut Xoshiro256PlusPlus) -> Status {
    loop {
        let status = one_of(rng, &Status::ALL);
        if status != Status::Missing {
            return status;
        }
    }
}

fn one_of<T: Copy>(rng: &mut Xoshiro256PlusPlus, choices: &[T]) -> T {
    choices[rng.random_range(0..choices.len())]
}
