//! The whole, through thousands of histories: an API lives, fails and is watched by a process that
//! polls, crashes and starts again. After each step what it shows is held against an oracle.
//!
//! `SEEDS=100000` runs more of them, `SEED=17` one. A history that fails is shortened and printed.

mod history;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use screen_records_exporter::clock::{Clock, TokioClock};
use screen_records_exporter::record::RecordType;
use screen_records_exporter::simulator::{Endpoint, Status, StatusFilter, World};

use crate::setting::{Samples, Setting, Wishes, is_counter};
use history::{Manner, Step};
use oracle::{Oracle, Row};

type Served = Arc<Mutex<BTreeMap<u128, Row>>>;

struct Run {
    setting: Option<Setting>,
    served: Served,
    /// The rows of the replica that lags behind.
    past: Served,
    /// Seconds by which our clock is ahead of the API's.
    ahead: i64,
    oracle: Oracle,
    hidden: Vec<u128>,
    /// Whether one type only is asked for, which makes it another project.
    filtered: bool,
    filter_works: bool,
    everything: bool,
    shown: Samples,
    _folder: tempfile::TempDir,
}

impl Run {
    fn new(seed: u64, manner: Manner) -> Self {
        // Memory, where there is such a place: what is durable is tested elsewhere.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut wishes = Wishes::new(manner.records);
        wishes.options.seed = seed;
        wishes.options.window = Duration::from_secs(20 * 3600);
        wishes.options.odd_share = 0.05;
        wishes.options.dialect.limit_max = manner.limit_max;
        wishes.options.dialect.limit_over = manner.limit_over;
        wishes.options.dialect.start_bound = manner.bound;
        wishes.options.dialect.status_filter = manner.filter;
        wishes.options.dialect.total_count = manner.counts;
        wishes.poll.window = Duration::from_secs(24 * 3600);
        wishes.limits.max_retries = 1;
        wishes.limits.page_size = manner.page_size;
        if manner.everything {
            wishes = wishes.reading_everything();
        }
        wishes.state = Some(folder.path().join("p.redb"));
        let setting = wishes.start();
        let (served, past) = (Served::default(), Served::default());
        let (keep, earlier) = (served.clone(), past.clone());
        setting.simulator().after_request(Endpoint::Records, move |turn, world| {
            // A count is no reading.
            if turn.query.contains("limit=1&") {
                return;
            }
            let (mut served, past) = (keep.lock().unwrap(), earlier.lock().unwrap());
            for id in turn.rows {
                let row = if turn.is_stale { past.get(id).cloned() } else { Row::of(world, *id) };
                let row = row.expect("what is shown is there");
                // Of two readings in a poll the later state is the one that is known.
                let known = served.get(id).map(|known| known.record.update);
                if known.is_none_or(|known| known <= row.record.update) {
                    served.insert(*id, row);
                }
            }
        });
        Self {
            setting: Some(setting),
            served,
            past,
            ahead: 0,
            oracle: Oracle::default(),
            hidden: Vec::new(),
            filtered: false,
            filter_works: matches!(manner.filter, StatusFilter::Documented | StatusFilter::All),
            everything: manner.everything,
            shown: Samples::new(),
            _folder: folder,
        }
    }

    fn setting(&self) -> &Setting {
        self.setting.as_ref().expect("it is only gone while it restarts")
    }

    fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.setting().simulator().edit(change)
    }

    fn restart(&mut self, change: impl FnOnce(&mut Wishes)) {
        let mut setting = self.setting.take().expect("it runs");
        change(&mut setting.wishes);
        self.setting = Some(setting.restart());
    }

    fn window_start(&self, begun: i64) -> i64 {
        let window = i64::try_from(self.setting().wishes.poll.window.as_millis()).unwrap();
        begun / 1000 * 1000 - window
    }

    /// The oracle after a poll that began now and read what was served.
    fn polled(&self, begun: i64) -> Oracle {
        let window_start = self.window_start(begun);
        let mut oracle = self.oracle.clone();
        let mut rows = self.served.lock().unwrap().clone();
        if self.filtered {
            rows.retain(|_, row| row.record.kind.code() == "FULL");
        }
        let there = self.there();
        oracle.poll(&rows, |id| there.contains(&id), (window_start, self.filtered));
        oracle
    }

    /// What the API shows of what was asked for.
    fn there(&self) -> BTreeSet<u128> {
        self.edit(|world| {
            let records = world.records_from(i64::MIN);
            let wanted = records.filter(|r| !self.filtered || r.kind.code() == "FULL");
            wanted.map(|record| record.id).collect()
        })
    }

    /// What must be read by a poll: what is on its way as far as is known, and where the status
    /// filter works all that is.
    fn must_be_read(&self, begun: i64) -> BTreeSet<u128> {
        let from = self.window_start(begun);
        let there = self.there();
        self.edit(|world| {
            let records = world.records_from(from).filter(|record| there.contains(&record.id));
            let is_known_in_flight = |id: u128| self.oracle.is_in_flight(id);
            let wanted = records
                .filter(|r| is_known_in_flight(r.id) || self.filter_works && r.status.in_flight());
            wanted.map(|record| record.id).collect()
        })
    }

    /// Polls where some answers are older than others.
    async fn poll_lagging(&mut self, pick: u32, status: Status) -> Result<(), String> {
        let rows = self.edit(|world| {
            let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
            ids.into_iter().filter_map(|id| Some((id, Row::of(world, id)?))).collect()
        });
        *self.past.lock().unwrap() = rows;
        self.setting().set_faults(&["kind=stale,rate=0.4"]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.with_record(pick, |world, id| world.set_status(id, status));
        self.edit(|world| world.insert_at(world.now() / 1000 * 1000 - 60_000, status));
        // The second may be told less than the first.
        for _ in 0..2 {
            self.served.lock().unwrap().clear();
            let begun = self.setting().clock.now_millis();
            if self.setting().poll().await.is_ok() {
                self.oracle = self.polled(begun);
            }
            self.check()?;
        }
        self.setting().set_faults(&[]);
        self.poll(true).await
    }

    /// Starts again with a clock that is so many seconds ahead of the API's.
    fn set_clock(&mut self, ahead: i64) {
        let setting = self.setting.take().expect("it runs");
        let now = setting.clock.now_millis() + (ahead - self.ahead) * 1000;
        self.ahead = ahead;
        self.setting = Some(setting.restart_at(Arc::new(TokioClock::starting_at(now))));
    }

    async fn poll_other(&mut self) -> Result<(), String> {
        if self.filtered {
            return Ok(());
        }
        let begun = self.setting().clock.now_millis();
        let seen = self.setting().seen_by_another().await;
        let seen = seen.map_err(|failure| format!("the other one failed: {}", failure.what))?;
        differ("what another one sees", &self.setting().truth(begun), &seen)
    }

    async fn poll(&mut self, must_succeed: bool) -> Result<(), String> {
        self.served.lock().unwrap().clear();
        let begun = self.setting().clock.now_millis();
        let wanted = self.must_be_read(begun);
        match self.setting().poll().await {
            Ok(()) => {
                let served = self.served.lock().unwrap();
                if let Some(id) = wanted.iter().find(|id| !served.contains_key(id)) {
                    return Err(format!("{id:x} is in flight and was not read"));
                }
                drop(served);
                self.oracle = self.polled(begun);
            }
            Err(failure) if must_succeed => return Err(format!("a poll failed: {}", failure.what)),
            Err(_) => return Ok(()),
        }
        if !self.filtered && self.everything {
            let (shown, truth) = (self.setting().figures(), self.setting().truth(begun));
            differ("gauges", &truth, &shown)?;
            let there = self.there();
            let mut unresolved = self.setting().exposed().of("workspace_screen_records_unresolved");
            unresolved.retain(|_, value| *value != 0.0);
            let expected = self.oracle.unresolved(|id| there.contains(&id));
            differ("unresolved", &expected, &unresolved)?;
        }
        Ok(())
    }

    async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Poll => self.poll(true).await?,
            Step::PollAmid(fault) => {
                self.setting().set_faults(&[fault]);
                self.poll(false).await?;
                self.setting().set_faults(&[]);
            }
            Step::Crash(millis) => {
                self.served.lock().unwrap().clear();
                let begun = self.setting().clock.now_millis();
                let project = self.setting().project.clone();
                let polls = tokio::spawn(async move { project.poll_once().await });
                tokio::time::sleep(Duration::from_millis(millis)).await;
                polls.abort();
                let _ = polls.await;
                let committed = self.polled(begun);
                self.restart(|_| {});
                // Durable or not: one or the other, and nothing between.
                if differ("counters", committed.counters(), &self.counters()).is_ok() {
                    if self.oracle.counters() == committed.counters() {
                        return self.settle_doubt(committed).await;
                    }
                    self.oracle = committed;
                }
            }
            Step::PollLagging(pick, status) => self.poll_lagging(pick, status).await?,
            Step::PollOther => self.poll_other().await?,
            Step::Clock(ahead) => self.set_clock(ahead),
            Step::PollAskew(ahead) => {
                let before = self.ahead;
                self.set_clock(ahead);
                if self.setting().poll().await.is_ok() {
                    return Err(format!("a poll by a clock that is {ahead} s ahead succeeded"));
                }
                self.check()?;
                self.set_clock(before);
            }
            Step::Restart => self.restart(|_| {}),
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Step::Begin(ago, status) => {
                self.edit(|world| world.insert_at(world.now() / 1000 * 1000 - ago * 1000, status));
            }
            Step::Enter(pick, status) => {
                self.with_record(pick, |world, id| world.set_status(id, status));
            }
            Step::Delete(pick) => {
                self.with_record(pick, World::delete);
            }
            Step::Hide(pick) => {
                if let Some(id) = self.with_record(pick, World::hide) {
                    self.hidden.push(id);
                }
            }
            Step::ShowAll => {
                for id in std::mem::take(&mut self.hidden) {
                    self.edit(|world| world.show(id));
                }
            }
            Step::Window(hours) => {
                self.restart(|wishes| wishes.poll.window = Duration::from_secs(hours * 3600));
            }
            Step::Filter(filtered) => {
                if filtered != self.filtered {
                    self.filtered = filtered;
                    let kind = filtered.then_some(RecordType::Full);
                    self.restart(|wishes| wishes.poll.filter.record_type = kind);
                }
            }
        }
        Ok(())
    }

    /// Nobody can see by the counters whether a poll was committed that counted nothing. The next
    /// one tells.
    async fn settle_doubt(&mut self, committed: Oracle) -> Result<(), String> {
        let before = self.oracle.clone();
        if self.poll(true).await.is_ok() && self.check().is_ok() {
            return Ok(());
        }
        let begun = self.setting().clock.now_millis();
        self.oracle = committed;
        self.oracle = self.polled(begun);
        let result = self.check();
        if result.is_err() {
            self.oracle = before;
        }
        result
    }

    fn with_record(
        &self,
        pick: u32,
        change: impl FnOnce(&mut World, u128) -> bool,
    ) -> Option<u128> {
        self.edit(|world| {
            let ids: Vec<u128> = world.records_from(i64::MIN).map(|record| record.id).collect();
            let id = *ids.get(pick as usize % ids.len().max(1))?;
            change(world, id).then_some(id)
        })
    }

    fn counters(&self) -> Samples {
        Self::counters_of(self.setting().shown())
    }

    fn counters_of(mut counters: Samples) -> Samples {
        counters
            .retain(|name, value| is_counter(name) && !name.contains("_bucket{") && *value != 0.0);
        counters
    }

    /// Nothing happens any more: within the reconcile interval everything shows as it is.
    async fn rest(&mut self) -> Result<(), String> {
        if !self.everything {
            for _ in 0..9 {
                tokio::time::sleep(Duration::from_secs(600)).await;
                self.poll(true).await?;
                self.check()?;
            }
        }
        self.everything = true;
        self.poll(true).await?;
        self.check()
    }

    /// What holds after every step.
    fn check(&mut self) -> Result<(), String> {
        let shown = self.setting().shown();
        differ("counters", self.oracle.counters(), &Self::counters_of(shown.clone()))?;
        for (name, value) in self.shown.iter().filter(|(name, _)| is_counter(name)) {
            match shown.get(name) {
                None => return Err(format!("{name} is gone")),
                Some(now) if now < value => return Err(format!("{name} fell: {value}, {now}")),
                Some(_) => {}
            }
        }
        self.shown = shown;
        Ok(())
    }
}

/// Delays are added up in milliseconds by one and in seconds by the other.
fn is_same(one: Option<&f64>, other: Option<&f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-4,
        (one, other) => one == other,
    }
}

fn differ(what: &str, expected: &Samples, found: &Samples) -> Result<(), String> {
    let samples = expected.keys().chain(found.keys());
    if samples.into_iter().all(|name| is_same(expected.get(name), found.get(name))) {
        return Ok(());
    }
    let mut text = format!("{what} differ:");
    for name in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let (expected, found) = (expected.get(name), found.get(name));
        if !is_same(expected, found) {
            // Writing into a string cannot fail.
            let _ = write!(text, "\n  {name}: {found:?} instead of {expected:?}");
        }
    }
    Err(text)
}

fn run(seed: u64, manner: Manner, steps: &[Step]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut run = Run::new(seed, manner);
        for (number, step) in steps.iter().enumerate() {
            let told = |error| format!("after step {number} ({step:?}): {error}");
            run.step(*step).await.map_err(told)?;
            if step.may_show() {
                run.check().map_err(told)?;
            }
        }
        run.rest().await.map_err(|error| format!("at rest: {error}"))
    })
}

/// Leaves out steps as long as the history fails without them.
fn shortened(seed: u64, manner: Manner, mut steps: Vec<Step>) -> (Vec<Step>, String) {
    let mut error = run(seed, manner, &steps).expect_err("it failed before");
    let mut at = steps.len();
    while at > 0 {
        at -= 1;
        let mut fewer = steps.clone();
        fewer.remove(at);
        if let Err(other) = run(seed, manner, &fewer) {
            (steps, error) = (fewer, other);
            at = at.min(steps.len());
        }
    }
    (steps, error)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn every_history_is_counted_as_the_contract_says() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(2000),
    };
    let workers = 2;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let mine = seeds.clone().filter(move |seed| seed % workers == worker);
            scope.spawn(move || {
                for seed in mine {
                    let (manner, steps) = history::of(seed);
                    if run(seed, manner, &steps).is_err() {
                        let (steps, error) = shortened(seed, manner, steps);
                        panic!("SEED={seed} {manner:?}\n{steps:#?}\n{error}");
                    }
                }
            });
        }
    });
}
