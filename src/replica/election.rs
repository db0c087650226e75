//! Leases: which projects this replica leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};

use super::leading_log::LeadingLog;
use super::member::{LeaseEnd, Led, Member, log_end};
use super::share::Shares;
use super::{MAX_CONCURRENT_READS, Replicas, STATEMENT_LIMIT};
use state_database::{DatabaseError, Leadership, LogPosition, LogState, Replica};

/// Time between two looks at the leases of others. After a crash another replica leads within the lease and a
/// second. It is shorter than a third of the shortest lease.
const LOOK_INTERVAL: Duration = Duration::from_millis(400);

/// Time after which a replica leads a free project beyond its share.
const LEFT_TIME: Duration = Duration::from_millis(400);
/// Maximum number of projects that this replica begins to lead at the same time.
const MAX_CONCURRENT_CLAIMS: usize = 16;

impl Replicas {
    /// Leads and follows projects, until it is dropped.
    pub async fn run(&self) {
        // Apart, because reading a long log must not cost leases.
        tokio::join!(self.keep_leases(), self.take_turns(), self.take_wishes());
    }

    async fn keep_leases(&self) {
        loop {
            let (interval, asked) = (self.claim.lease / 3, Instant::now());
            let is_prepared = *self.is_prepared.lock();
            let mut pause = LOOK_INTERVAL;
            if is_prepared {
                match self.extend_leases().await {
                    Ok(()) => {
                        pause = interval;
                        self.instruments.replicas().changed(true);
                    }
                    Err(error) => {
                        self.report(asked, &error);
                        self.instruments.replicas().changed(false);
                    }
                }
            }
            sleep(pause).await;
        }
    }

    async fn take_turns(&self) {
        loop {
            let (asked, next) = (Instant::now(), Instant::now() + LOOK_INTERVAL);
            if let Err(error) = self.take_turn().await {
                self.report(asked, &error);
                self.read_address().await;
            }
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Polls projects because other replicas want it.
    async fn take_wishes(&self) {
        let mut wanted = self.wanted.lock().await;
        while let Some(name) = wanted.recv().await {
            let members = self.members();
            if let Some(member) = members.iter().find(|member| member.name() == name) {
                member.project().start_when_due();
            }
        }
    }

    async fn take_turn(&self) -> Result<(), DatabaseError> {
        if !*self.is_prepared.lock() {
            self.log.create_tables().await?;
            *self.is_prepared.lock() = true;
            self.extend_leases().await?;
        }
        let abandoned = std::mem::take(&mut *self.abandoned.lock());
        self.leases.release(&abandoned, STATEMENT_LIMIT).await?;
        let members = self.members();
        for member in &members {
            if member.led().is_some_and(|led| led.lease.is_lost()) {
                self.stop_leading(member).await;
            }
        }
        let states = self.states(&members, STATEMENT_LIMIT).await?;
        self.follow(&members, &states).await;
        for member in &members {
            let state = states.get(member.name());
            if let Some(state) = state {
                self.note(member, state);
            }
            // A project that was never led has no log.
            if state.is_none() || member.project().shown_log_end().is_some() {
                member.project().set_open();
            }
        }
        self.restore_lost(&members).await?;
        // The share of this replica depends on the others, which it does not know yet.
        if self.live.lock().is_empty() {
            return Ok(());
        }
        self.distribute(&members, &states).await
    }

    /// Shows that this replica lives, and extends its leases.
    async fn extend_leases(&self) -> Result<(), DatabaseError> {
        let members = self.members();
        let (limit, sent) = ((self.claim.lease / 3).min(STATEMENT_LIMIT), Instant::now());
        let led: Vec<_> =
            members.iter().filter_map(|member| Some((member, member.led()?))).collect();
        let keys: Vec<_> = led.iter().map(|(_, led)| led.key.clone()).collect();
        let extended = self.leases.extend(&keys, limit).await?;
        for (member, led) in led {
            let found = extended.iter().find(|extended| extended.project == member.name());
            let Some(extended) = found else {
                led.lease.lose();
                self.wake.notify_one();
                continue;
            };
            led.lease.extended(sent, self.claim.lease);
            if extended.is_poll_wanted {
                member.project().start_when_due();
            }
        }
        let own = Replica {
            id: self.claim.id.clone(),
            name: self.name.clone(),
            url: self.claim.url.clone(),
            config: config_of(&members),
        };
        *self.live.lock() = self.leases.show(&own, self.claim.lease, limit).await?;
        self.instruments.replicas().live(self.live.lock().len());
        Ok(())
    }

    /// Applies what others have committed, so that a takeover reads only the rest.
    async fn follow(&self, members: &[Arc<Member>], states: &BTreeMap<String, LogState>) {
        let behind = members.iter().filter_map(|member| {
            let (shown, state) = (member.project().shown_log_end(), states.get(member.name()));
            // A log that is not there any more is one that went back in time.
            let found = state.map_or_else(LogPosition::default, |state| state.position);
            let is_behind = match state {
                Some(_) => shown != Some(log_end(found)),
                None => shown.is_some_and(|shown| shown.token != 0),
            };
            let leader = state.and_then(|state| state.leader.as_ref());
            let is_own = leader.is_some_and(|leader| leader.id == self.claim.id);
            (is_behind && !(is_own && member.led().is_some())).then_some((member, found))
        });
        stream::iter(behind)
            .for_each_concurrent(MAX_CONCURRENT_READS, async |(member, found)| {
                if let Err(error) = self.catch_up(member, found).await
                    && member.note_error(error.to_string())
                {
                    let project = member.name();
                    tracing::warn!(project, %error, "cannot apply what other replicas committed");
                }
            })
            .await;
    }

    /// Leads free projects, and releases some if other replicas lead fewer.
    async fn distribute(
        &self,
        members: &[Arc<Member>],
        states: &BTreeMap<String, LogState>,
    ) -> Result<(), DatabaseError> {
        let shares = self.shares(members, states);
        for member in members.iter().filter(|member| !member.project().is_polling()) {
            // The database learns what a project counts when a replica begins to lead it.
            if member.led().is_some_and(|led| led.identity != member.identity()) {
                self.stop_leading(member).await;
            }
        }
        let mut led: Vec<_> = members.iter().filter(|member| member.led().is_some()).collect();
        led.sort_by_key(|member| member.project().is_polling());
        for (place, member) in led.into_iter().enumerate() {
            let (project, is_surplus) = (member.project(), place < shares.surplus());
            project.set_leaving(is_surplus);
            if is_surplus && !project.is_polling() {
                member.leave_to_others();
                self.stop_leading(member).await;
            }
        }
        let chosen = self.chosen(members, states, shares.wanted());
        // One that cannot be led must not keep the others without a leader.
        let led = stream::iter(chosen).map(|member| async move { self.lead(&member).await });
        let led: Vec<_> = led.buffer_unordered(MAX_CONCURRENT_CLAIMS).collect().await;
        led.into_iter().collect()
    }

    /// Returns the projects to lead: so many as are wanted, and those that nobody leads for some time.
    fn chosen(
        &self,
        members: &[Arc<Member>],
        states: &BTreeMap<String, LogState>,
        mut wanted: usize,
    ) -> Vec<Arc<Member>> {
        let config = config_of(members);
        let free = members.iter().filter(|member| member.led().is_none());
        let chosen = free.filter(|member| {
            let state = states.get(member.name());
            // Whoever led it has died, and still counts among the replicas. If each took only its share,
            // nobody would lead the rest.
            let is_left =
                state.is_some_and(|state| state.position.epoch > 0 && state.free_for >= LEFT_TIME);
            let is_chosen = (wanted > 0 || is_left) && self.may_lead(member, &config, state);
            wanted = wanted.saturating_sub(usize::from(is_chosen));
            is_chosen
        });
        chosen.cloned().collect()
    }

    fn shares(&self, members: &[Arc<Member>], states: &BTreeMap<String, LogState>) -> Shares {
        let config = config_of(members);
        let led_by = |id: &str| {
            let leaders = states.values().filter_map(|state| state.leader.as_ref());
            leaders.filter(|leader| leader.id == id).count()
        };
        let live = self.live.lock();
        let others =
            live.iter().filter(|other| other.id != self.claim.id && other.config == config);
        let others = others.map(|other| led_by(&other.id)).collect();
        let own = members.iter().filter(|member| member.led().is_some()).count();
        Shares { projects: members.len(), own, others }
    }

    /// True if nobody leads a project, and this replica counts what its leader did. One that counts
    /// something else waits until no other replica has led for two leases.
    fn may_lead(&self, member: &Member, config: &str, state: Option<&LogState>) -> bool {
        let Some(state) = state else { return true };
        let counts_the_same =
            state.identity.is_empty() || state.identity == member.identity().as_str();
        let has_others = || self.live.lock().iter().any(|replica| replica.config != config);
        let is_left = counts_the_same || !has_others() || state.free_for > 2 * self.claim.lease;
        // While the database lacks what a replica knows, only that one may lead, to write it again. What others
        // would commit meanwhile would be dropped.
        state.leader.is_none()
            && is_left
            && !state.is_lost
            && member.lost().is_none()
            && !member.is_left_to_others()
    }

    /// Leads a project, unless another replica was faster.
    async fn lead(&self, member: &Arc<Member>) -> Result<(), DatabaseError> {
        let sent = Instant::now();
        let (name, identity) = (member.name(), member.identity());
        let claimed =
            self.leases.lead(name, identity.as_str(), &self.claim, STATEMENT_LIMIT).await?;
        let Some(leadership) = claimed else { return Ok(()) };
        let (position, key) = (leadership.position(), leadership.key());
        if let Err(error) = self.catch_up(member, position).await {
            // Otherwise all replicas would take turns without an end.
            member.leave_to_others();
            if member.note_error(error.to_string()) {
                tracing::warn!(project = name, %error, "cannot lead: the log cannot be applied");
            }
            return self.leases.release(&[key], STATEMENT_LIMIT).await;
        }
        let log = self.leading_log(member, leadership, sent);
        if !member.project().lead(Box::new(log)) {
            member.take_led();
            return self.leases.release(&[key], STATEMENT_LIMIT).await;
        }
        member.project().poll_now();
        let epoch = position.epoch;
        if epoch > 1 {
            self.instruments.replicas().took_over();
        }
        tracing::info!(project = name, epoch, "leading the project");
        Ok(())
    }

    /// Notes that this replica leads a project, since a statement that was sent at `sent`. Returns its log.
    pub(super) fn leading_log(
        &self,
        member: &Member,
        leadership: Leadership,
        sent: Instant,
    ) -> LeadingLog {
        let lease = Arc::new(LeaseEnd::new(sent + self.claim.lease));
        let (key, end) = (leadership.key(), log_end(leadership.position()));
        member.set_led(Led { key, identity: member.identity(), end, lease: lease.clone() });
        LeadingLog {
            database: self.log.clone(),
            leadership,
            duration: self.claim.lease,
            lease,
            runtime: Handle::current(),
            wake: self.wake.clone(),
            instruments: self.instruments.clone(),
        }
    }

    /// Tells the projects that the database could not be used at `asked`. Logs it when the reason changes.
    fn report(&self, asked: Instant, error: &DatabaseError) {
        self.instruments.replicas().answered(false);
        for member in self.members() {
            self.unanswered(&member, asked, error);
        }
        let remedy = error.remedy();
        if self.log_throttle.lock().is_due(error.to_string()) {
            tracing::warn!(%error, remedy, "the database with the state cannot be used");
        }
    }
}

/// Returns a hash of what the projects count.
fn config_of(members: &[Arc<Member>]) -> String {
    let mut identities: Vec<_> = members
        .iter()
        .map(|member| format!("{} {}", member.name(), member.identity().as_str()))
        .collect();
    identities.sort();
    records_api::hashed_identity(&identities.join("\n"))
}
