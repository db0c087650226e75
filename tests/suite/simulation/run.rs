//! A history under way: the API, the process that watches it, and what must hold of both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use records_api::clock::{Clock, TokioClock};
use records_api::record::RecordType;
use records_api_simulator::{Endpoint, RowDefect, Status, World};
use screen_records_exporter::collector::Collector;
use screen_records_exporter::project::{Currency, PollOptions};

use tokio::time::Instant;

use super::failures::{self, listed, listed_by, same};
use super::history::{Manner, Step};
use super::oracle::{Oracle, Row};
use super::samples::{differ, folded, values};
use super::storage::{Journal, Storage};
use crate::harness::{Harness, HarnessOptions, Samples, UP, figures, is_counter};

type Served = Arc<Mutex<BTreeMap<u128, Row>>>;

/// A history under way.
pub(super) struct Run {
    harness: Option<Harness>,
    served: Served,
    /// The rows of the replica that lags behind.
    past: Served,
    /// Seconds by which our clock is ahead of the API's.
    ahead: i64,
    oracle: Oracle,
    hidden: Vec<u128>,
    /// Whether one type only is asked for, which makes it another project.
    filtered: bool,
    manner: Manner,
    /// Whether the API has never counted wrong: what a wrong count taught may hide a difference.
    counts_right: bool,
    everything: bool,
    shown: Samples,
    /// When the last snapshot of this process was complete, by its clock, and when it was received.
    completed: Option<(i64, Instant)>,
    /// When the last complete poll began that nothing hindered, by the API's clock.
    polled: i64,
    storage: Storage,
    /// A replica that follows, where the state is shared.
    follower: Option<Arc<Collector>>,
}

impl Run {
    pub(super) fn new(seed: u64, manner: Manner, journal: Journal) -> Self {
        let storage = Storage::new(journal);
        let mut setup = HarnessOptions::new(manner.records);
        setup.options.seed = seed;
        setup.options.window = Duration::from_secs(20 * 3600);
        setup.options.odd_share = 0.05;
        setup.options.dialect.limit_max = manner.limit_max;
        setup.options.dialect.limit_over = manner.limit_over;
        setup.options.dialect.start_bound = manner.bound;
        setup.options.dialect.status_filter = manner.filter;
        setup.options.dialect.total_count = manner.counts;
        setup.poll.window = Duration::from_secs(24 * 3600);
        setup.limits.max_retries = 1;
        setup.limits.page_size = manner.page_size;
        if manner.everything {
            setup = setup.reading_everything();
        }
        storage.place(&mut setup);
        (setup.poll.max_users, setup.poll.max_pools) = manner.labels;
        (setup.poll.max_buckets, setup.poll.max_policies) = manner.labels;
        let harness = setup.start();
        let (served, past) = (Served::default(), Served::default());
        let (keep, earlier) = (served.clone(), past.clone());
        harness.simulator().after_request(Endpoint::Records, move |turn, world| {
            // A count reads nothing.
            if turn.query.contains("limit=1&") {
                return;
            }
            let (mut served, past) = (keep.lock().unwrap(), earlier.lock().unwrap());
            for id in turn.rows {
                let row = if turn.is_stale { past.get(id).cloned() } else { Row::of(world, *id) };
                let mut row = row.expect("what is shown is there");
                if turn.defect(*id) == Some(RowDefect::NullStatus) {
                    row.record.status = Status::Missing;
                }
                // Of two readings in a poll the later state is the one that is known, and a status
                // of either is one that was read.
                let row = match served.remove(id) {
                    Some(known) if known.record.update <= row.record.update => {
                        row.or_status_of(&known)
                    }
                    Some(known) => known.or_status_of(&row),
                    None => row,
                };
                served.insert(*id, row);
            }
        });
        Self {
            harness: Some(harness),
            served,
            past,
            ahead: 0,
            oracle: Oracle::default(),
            hidden: Vec::new(),
            filtered: false,
            manner,
            counts_right: manner.counts_right(),
            everything: manner.everything,
            shown: Samples::new(),
            completed: None,
            polled: i64::MAX,
            storage,
            follower: None,
        }
    }

    fn harness(&self) -> &Harness {
        self.harness.as_ref().expect("it is only gone while it restarts")
    }

    fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.harness().simulator().edit(change)
    }

    fn restart(&mut self, change: impl FnOnce(&mut HarnessOptions)) {
        let mut harness = self.harness.take().expect("it runs");
        change(&mut harness.setup);
        self.harness = Some(harness.restart());
        self.begin_process();
    }

    /// A process has begun. Replicas serve the last snapshot of the one before.
    fn begin_process(&mut self) {
        self.follower = None;
        self.completed = match self.completed {
            Some((completed, _)) if self.storage.log().is_some() => {
                Some((completed, Instant::now()))
            }
            _ => None,
        };
    }

    fn window_start(&self, begun: i64) -> i64 {
        let window = i64::try_from(self.harness().setup.poll.window.as_millis()).unwrap();
        begun / 1000 * 1000 - window
    }

    /// The oracle after a poll that began now and read what was served.
    fn after_poll(&self, begun: i64) -> Oracle {
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

    /// What must be read by a poll: everything where counting begins anew, what began since the last
    /// one, what is on its way as far as is known, and where the status filter works all that is.
    fn must_be_read(&self, begun: i64) -> BTreeSet<u128> {
        let from = self.window_start(begun);
        let mut wanted = self.must_be_read_whatever_enters(begun);
        if self.manner.filter_works() {
            let there = self.there();
            self.edit(|world| {
                let in_flight = world.records_from(from).filter(|record| record.status.in_flight());
                wanted.extend(in_flight.map(|record| record.id).filter(|id| there.contains(id)));
            });
        }
        wanted
    }

    /// The same without what a list by status shows.
    fn must_be_read_whatever_enters(&self, begun: i64) -> BTreeSet<u128> {
        let from = self.window_start(begun);
        let there = self.there();
        let begins_anew = self.oracle.begins_anew(self.filtered);
        self.edit(|world| {
            let records = world.records_from(from).filter(|record| there.contains(&record.id));
            let wanted = records.filter(|record| {
                let is_new = record.start >= self.polled && !self.oracle.knows(record.id);
                begins_anew || is_new || self.oracle.is_in_flight(record.id)
            });
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
        self.harness().set_faults(&["kind=stale,rate=0.4"]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.with_record(pick, |world, id| world.set_status(id, status));
        self.edit(|world| world.insert_at(world.now() / 1000 * 1000 - 60_000, status));
        // The second may be told less than the first.
        for _ in 0..2 {
            self.served.lock().unwrap().clear();
            let begun = self.harness().clock.now_millis();
            if self.harness().poll().await.is_ok() {
                self.oracle = self.after_poll(begun);
                self.completed = Some((self.harness().clock.now_millis(), Instant::now()));
            }
            self.check()?;
        }
        self.harness().set_faults(&[]);
        self.poll(true).await
    }

    /// Polls where some rows come without a status.
    async fn poll_nulls(&mut self, seed: u64) -> Result<(), String> {
        let rate = if seed.is_multiple_of(2) { "1" } else { "0.5" };
        let fault = format!("kind=rows,as=null-status,share=0.5,seed={seed},rate={rate}");
        self.harness().set_faults(&[&fault]);
        // The API knows nothing of how a record without a status is shown.
        let everything = std::mem::take(&mut self.everything);
        let polled = self.poll(true).await;
        self.everything = everything;
        self.harness().set_faults(&[]);
        polled?;
        self.check()?;
        self.poll(true).await
    }

    /// Starts again with a clock that is so many seconds ahead of the API's.
    fn set_clock(&mut self, ahead: i64) {
        let harness = self.harness.take().expect("it runs");
        let now = harness.clock.now_millis() + (ahead - self.ahead) * 1000;
        self.ahead = ahead;
        self.harness = Some(harness.restart_at(Arc::new(TokioClock::starting_at(now))));
        self.begin_process();
    }

    /// Polls after the file was lost. A shared log is not lost with the process, but the answer to a commit
    /// can be.
    async fn poll_lost(&mut self) -> Result<(), String> {
        let log = match &self.storage {
            Storage::File(disk) => {
                disk.lose();
                return self.poll(true).await;
            }
            Storage::SharedLog(log) => log.clone(),
        };
        self.served.lock().unwrap().clear();
        let begun = self.harness().clock.now_millis();
        let now = self.edit(|world| world.now());
        log.lose_answer();
        if self.harness().poll().await.is_ok() {
            return Err("a poll succeeded though nobody knew whether it was committed".to_owned());
        }
        // The log is read before anything else, and shows that it was.
        self.harness().project.stop_leading().await;
        log.lead(&self.harness().project);
        self.oracle = self.after_poll(begun);
        self.polled = now;
        self.completed = Some((self.harness().clock.now_millis(), Instant::now()));
        Ok(())
    }

    /// Replicas serve a poll that was committed, whether its process lives or not.
    fn note_shared_completion(&mut self) {
        if self.storage.log().is_some() {
            self.completed = Some((self.harness().clock.now_millis(), Instant::now()));
        }
    }

    /// Holds what a replica shows that follows against what the leader shows.
    fn check_follower(&mut self) -> Result<(), String> {
        // If nothing can be written, only the leader knows that its polls fail.
        let log = self.storage.log().filter(|log| !log.is_full()).cloned();
        let Some(log) = log else { return Ok(()) };
        let follower =
            self.follower.get_or_insert_with(|| self.harness.as_ref().expect("it runs").follower());
        let project = follower.projects()[0].clone();
        log.follow(&project);
        project.set_currency(Instant::now(), Currency::Current);
        let shown = crate::harness::shown_by(follower);
        let leader = self.harness();
        if leader.project.shown_log_end() == project.shown_log_end() {
            differ("what a follower shows", &leader.shown(), &shown)?;
            same("that a follower lists", &listed(leader), &listed_by(&project))?;
        }
        Ok(())
    }

    async fn poll_other(&mut self) -> Result<(), String> {
        if self.filtered {
            return Ok(());
        }
        let begun = self.harness().clock.now_millis();
        let seen = self.harness().seen_by_another().await;
        let seen = seen.map_err(|failure| format!("the other one failed: {}", failure.what))?;
        differ("what another one sees", &self.folded(&seen, self.harness().truth(begun)), &seen)
    }

    /// Polls while records begin and change.
    async fn poll_live(&mut self, per_second: u32) -> Result<(), String> {
        self.served.lock().unwrap().clear();
        let begun = self.harness().clock.now_millis();
        let now = self.edit(|world| world.now());
        // What enters a status or leaves it meanwhile may be in no list.
        let wanted = self.must_be_read_whatever_enters(begun);
        let live = async {
            // A record that lost its status would keep the known one.
            let statuses: Vec<_> =
                Status::ALL.into_iter().filter(|status| *status != Status::Missing).collect();
            for pick in 0.. {
                tokio::time::sleep(Duration::from_micros(1_000_000 / u64::from(per_second))).await;
                let status = statuses[pick as usize % statuses.len()];
                let begins = statuses[(pick / 3) as usize % statuses.len()];
                self.edit(|world| world.insert_at(world.now(), begins));
                self.with_record(pick * 7, |world, id| world.set_status(id, status));
            }
        };
        let polled = tokio::time::timeout(Duration::from_secs(600), self.harness().poll());
        let polled = tokio::select! {
            polled = polled => polled.map_err(|_| "a poll has no end".to_owned())?,
            () = live => unreachable!("records begin all the time"),
        };
        polled.map_err(|failure| format!("a poll failed: {}", failure.what))?;
        let served: BTreeSet<_> = self.served.lock().unwrap().keys().copied().collect();
        if let Some(id) = wanted.difference(&served).next() {
            return Err(format!("{id:x} had to be read amid changes and was not"));
        }
        self.oracle = self.after_poll(begun);
        self.polled = now;
        self.completed = Some((self.harness().clock.now_millis(), Instant::now()));
        Ok(())
    }

    async fn poll(&mut self, must_succeed: bool) -> Result<(), String> {
        self.served.lock().unwrap().clear();
        let begun = self.harness().clock.now_millis();
        let now = self.edit(|world| world.now());
        let wanted = self.must_be_read(begun);
        let before = listed(self.harness());
        match self.harness().poll().await {
            Ok(()) => {
                let served: BTreeSet<_> = self.served.lock().unwrap().keys().copied().collect();
                if let Some(id) = wanted.difference(&served).next() {
                    return Err(format!(
                        "{id:x} had to be read and was not: it is new or in flight"
                    ));
                }
                self.oracle = self.after_poll(begun);
                let (failed, there) = (self.oracle.failures(), self.there());
                let stays = |id| there.contains(&id) && self.oracle.knows(id);
                let after = listed(self.harness());
                failures::check((&before, &after), &failed, &served, stays)?;
                self.polled = now;
                self.completed = Some((self.harness().clock.now_millis(), Instant::now()));
            }
            Err(failure) if must_succeed => return Err(format!("a poll failed: {}", failure.what)),
            Err(_) => {
                same("after a failed poll", &before, &listed(self.harness()))?;
                return self.check_failure();
            }
        }
        if !self.filtered && self.everything {
            let mut shown = self.harness().shown();
            let truth = self.folded(&shown, self.harness().truth(begun));
            let there = self.there();
            let unresolved = self.oracle.unresolved(|id| there.contains(&id));
            let unresolved = self.folded(&shown, unresolved);
            differ("gauges", &truth, &figures(shown.clone()))?;
            shown.retain(|name, value| {
                name.starts_with("workspace_screen_records_unresolved{") && *value != 0.0
            });
            differ("unresolved", &unresolved, &shown)?;
            let mut failed = self.oracle.failures();
            failed.retain(|id, _| there.contains(id));
            same("of all that failed", &failed, &listed(self.harness()))?;
        }
        Ok(())
    }

    /// What a poll leaves that failed: the last snapshot as long as it is fresh.
    fn check_failure(&self) -> Result<(), String> {
        let now = self.harness().clock.now_millis();
        let most = i64::try_from(self.harness().setup.poll.max_staleness.as_millis()).unwrap();
        let is_fresh = self.completed.is_some_and(|(completed, received)| {
            let received = i64::try_from(received.elapsed().as_millis()).unwrap();
            (now - completed).max(received) <= most
        });
        let mut expected = if is_fresh { figures(self.shown.clone()) } else { Samples::new() };
        let name = "workspace_screen_records_window_seconds{project=\"p\"}";
        let of_config = self.harness().setup.poll.window.as_secs_f64();
        // Replicas show that of the last complete poll.
        let committed = self.storage.log().and_then(|_| self.shown.get(name).copied());
        let window = committed.unwrap_or(of_config);
        expected.extend([(name.to_owned(), window), (UP.to_owned(), 0.0)]);
        differ("figures after a failed poll", &expected, &self.harness().figures())
    }

    /// A poll that must fail, and change nothing.
    async fn poll_in_vain(&mut self, why: &str) -> Result<(), String> {
        let before = listed(self.harness());
        if self.harness().poll().await.is_ok() {
            return Err(format!("a poll succeeded though {why}"));
        }
        same(&format!("though {why}"), &before, &listed(self.harness()))?;
        self.check_failure()?;
        self.check()
    }

    pub(super) async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Poll => self.poll(true).await?,
            Step::PollAmid(fault) => {
                self.harness().set_faults(&[fault]);
                self.poll(false).await?;
                self.harness().set_faults(&[]);
            }
            Step::Crash(millis) => {
                self.served.lock().unwrap().clear();
                let begun = self.harness().clock.now_millis();
                let begun_there = self.edit(|world| world.now());
                let project = self.harness().project.clone();
                let polls = tokio::spawn(async move { project.poll_once().await });
                tokio::time::sleep(Duration::from_millis(millis)).await;
                self.storage.crash();
                polls.abort();
                let _ = polls.await;
                let committed = self.after_poll(begun);
                let mut setup = self.harness().setup.clone();
                self.storage.place(&mut setup);
                self.restart(|of_next| *of_next = setup);
                let (before, after) = (self.oracle.failures(), committed.failures());
                let now = listed(self.harness());
                let is_one = |id: &u128| before.contains_key(id) || after.contains_key(id);
                if let Some(id) = now.keys().find(|id| !is_one(id)) {
                    return Err(format!("{id:x} is listed and has not failed"));
                }
                // Durable or not: one or the other, and nothing between.
                if self.compare(&committed, self.harness().shown()).is_ok() {
                    if self.oracle.counters() == committed.counters() {
                        return self.settle_doubt(committed).await;
                    }
                    self.oracle = committed;
                    self.polled = begun_there;
                    self.note_shared_completion();
                }
            }
            Step::PollLagging(pick, status) => self.poll_lagging(pick, status).await?,
            Step::PollLive(per_second) => self.poll_live(per_second).await?,
            Step::PollNulls(seed) => self.poll_nulls(seed).await?,
            Step::PollLost => self.poll_lost().await?,
            Step::PollOther => self.poll_other().await?,
            Step::Clock(ahead) => self.set_clock(ahead),
            Step::PollAskew(ahead) => {
                let before = self.ahead;
                self.set_clock(ahead);
                self.poll_in_vain("the clock is too far off").await?;
                self.set_clock(before);
            }
            Step::PollFull => {
                self.storage.fill();
                self.poll_in_vain("nothing can be written").await?;
                self.storage.free();
                self.poll(true).await?;
            }
            Step::Restart => {
                let before = listed(self.harness());
                self.restart(|_| {});
                same("after a restart", &before, &listed(self.harness()))?;
            }
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
                self.restart(|setup| setup.poll.window = Duration::from_secs(hours * 3600));
            }
            Step::Filter(filtered) => {
                if filtered != self.filtered {
                    self.filtered = filtered;
                    let kind = filtered.then_some(RecordType::Full);
                    self.restart(|setup| setup.poll.filter.record_type = kind);
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
        let begun = self.harness().clock.now_millis();
        self.oracle = committed;
        self.oracle = self.after_poll(begun);
        // The poll itself succeeded, so its figures stay after a later one that fails.
        self.polled = self.edit(|world| world.now());
        self.completed = Some((begun, Instant::now()));
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

    /// Holds the counters against an oracle.
    fn compare(&self, oracle: &Oracle, mut shown: Samples) -> Result<(), String> {
        let expected = self.folded(&shown, oracle.counters().clone());
        shown.retain(|name, value| is_counter(name) && !name.contains("_bucket{") && *value != 0.0);
        differ("counters", &expected, &shown)
    }

    /// What is expected with the label values folded that `shown` does not show as themselves.
    fn folded(&self, shown: &Samples, expected: Samples) -> Samples {
        if !self.manner.folds() {
            return expected;
        }
        ["user", "pool", "bucket", "policy"]
            .into_iter()
            .fold(expected, |expected, label| folded(expected, label, &values(shown, label)))
    }

    /// Nothing happens any more: what a count gives away shows at the next poll or the one after,
    /// and within the reconcile interval everything as it is.
    pub(super) async fn rest(&mut self) -> Result<(), String> {
        let mut was_right = Ok(());
        for seconds in [30, 30, 600, 600, 600, 600, 600] {
            if self.everything {
                break;
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.poll(true).await?;
            self.check()?;
            // One poll sees that a count differs, and the next one finds out where.
            let is_right = self.check_number();
            if was_right.is_err() {
                is_right.clone()?;
            }
            was_right = is_right;
        }
        self.everything = true;
        tokio::time::sleep(Duration::from_secs(600)).await;
        self.poll(true).await?;
        self.check()
    }

    /// Holds the number of records that is shown against the API's, if that is right.
    fn check_number(&self) -> Result<(), String> {
        if !self.counts_right {
            return Ok(());
        }
        let from = self.window_start(self.harness().clock.now_millis());
        let there = self.there();
        let number = self.edit(|world| {
            world.records_from(from).filter(|record| there.contains(&record.id)).count()
        });
        let shown = self.harness().counted();
        if shown == number as f64 {
            return Ok(());
        }
        Err(format!("{shown} records are shown, and the API counts {number}"))
    }

    /// What holds after every step.
    pub(super) fn check(&mut self) -> Result<(), String> {
        let shown = self.harness().shown();
        self.compare(&self.oracle, shown.clone())?;
        let PollOptions { max_users, max_pools, max_buckets, max_policies, .. } =
            self.harness().setup.poll;
        let limits = [
            ("user", max_users),
            ("pool", max_pools),
            ("bucket", max_buckets),
            ("policy", max_policies),
        ];
        for (label, most) in limits {
            let mut own = values(&shown, label);
            own.retain(|value| !value.starts_with('_'));
            if own.len() > most {
                return Err(format!("{own:?} are shown where {most} may be"));
            }
        }
        for (name, value) in self.shown.iter().filter(|(name, _)| is_counter(name)) {
            match shown.get(name) {
                None => return Err(format!("{name} is gone")),
                Some(now) if now < value => return Err(format!("{name} fell: {value}, {now}")),
                Some(_) => {}
            }
        }
        self.shown = shown;
        self.check_follower()
    }
}
