//! Before an answer: asks the database whether the projects are up to date.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, sleep, timeout_at};

use super::catch_up::CatchUpError;
use super::member::{Member, log_end};
use super::{Replicas, STATEMENT_LIMIT};
use crate::project::{Currency, Leader, LeadershipView, PollMode, Project, SharedState};
use state_database::{DatabaseError, LogPosition, LogState};

/// Time that the database gets to answer whether a poll is due.
const DUE_LIMIT: Duration = Duration::from_secs(1);
/// Leases without a leader after which nobody polls a project. Until then, another replica takes over.
const LEADERLESS_LEASES: u32 = 3;
/// Time between two questions whether another replica has polled.
const POLL_CHECK_INTERVAL: Duration = Duration::from_millis(100);

impl Replicas {
    /// Returns the states of the logs of these projects, by name.
    pub(super) async fn states(
        &self,
        members: &[Arc<Member>],
        limit: Duration,
    ) -> Result<BTreeMap<String, LogState>, DatabaseError> {
        let names: Vec<_> = members.iter().map(|member| member.name().to_owned()).collect();
        let sent = Instant::now();
        let states = self.leases.states(&names, limit).await;
        let replicas = self.instruments.replicas();
        replicas.answered(states.is_ok());
        let states = states?;
        replicas.round_trip(sent.elapsed());
        Ok(states.into_iter().map(|state| (state.project.clone(), state)).collect())
    }

    /// Makes the projects serve what is committed, as far as the database answers before `deadline`.
    async fn refresh_members(&self, members: Vec<Arc<Member>>, deadline: Instant) {
        let asked = Instant::now();
        let mut states = match self.states(&members, deadline - asked).await {
            Ok(states) => states,
            Err(error) => {
                return members.iter().for_each(|member| self.unanswered(member, asked, &error));
            }
        };
        let refreshed = members.iter().map(|member| {
            let state = states.remove(member.name());
            self.refresh_member(member, state, asked, deadline)
        });
        join_all(refreshed).await;
    }

    async fn refresh_member(
        &self,
        member: &Arc<Member>,
        state: Option<LogState>,
        asked: Instant,
        deadline: Instant,
    ) {
        let project = member.project();
        let (shown, found) = (project.shown_log_end(), state.as_ref().map(|state| state.position));
        let currency = match found {
            // Only the replica that has noted it knows what was served before.
            _ if state.as_ref().is_some_and(|state| state.is_lost) => {
                Currency::behind(&CatchUpError::WentBack.to_string())
            }
            // A project that was never led has no commit.
            None if shown.is_none_or(|shown| shown.token == 0) => Currency::Current,
            Some(found) if shown == Some(log_end(found)) => Currency::Current,
            found => self.caught_up(member, found.unwrap_or_default(), deadline).await,
        };
        let is_free = |state: &LogState| {
            state.leader.is_none() && state.free_for > LEADERLESS_LEASES * self.claim.lease
        };
        let currency = match (currency, &state) {
            (Currency::Current, Some(state)) if is_free(state) => Currency::unpolled(),
            (currency, _) => currency,
        };
        if let Some(state) = &state {
            self.note(member, state);
        }
        project.set_currency(asked, currency);
    }

    /// Applies what a project does not show yet. Waits for it until `deadline`.
    async fn caught_up(
        &self,
        member: &Arc<Member>,
        position: LogPosition,
        deadline: Instant,
    ) -> Currency {
        let late = "the log has more commits than could be applied in time";
        // Answers that wait for the same log start one task together.
        let Ok(turn) = timeout_at(deadline, member.turn.clone().lock_owned()).await else {
            return Currency::behind(late);
        };
        // A task of its own: an answer that does not wait for it must not leave it half done.
        let (this, member) = (self.this.clone(), member.clone());
        let catch_up = tokio::spawn(async move {
            let this = this.upgrade().ok_or(CatchUpError::Ended)?;
            this.catch_up_in_turn(&member, position, turn).await
        });
        match timeout_at(deadline, catch_up).await {
            Ok(Ok(Ok(()))) => Currency::Current,
            Ok(Ok(Err(error))) => Currency::behind(&error.to_string()),
            Ok(Err(_)) => Currency::behind(&CatchUpError::Panicked.to_string()),
            Err(_) => Currency::behind(late),
        }
    }

    /// Notes that the database did not answer a question of `asked` about a project.
    pub(super) fn unanswered(&self, member: &Member, asked: Instant, error: &DatabaseError) {
        let until = member.leads_until();
        let currency = Currency::unanswered(&error.to_string(), error.remedy(), until);
        member.project().set_currency(asked, currency);
        self.instruments.replicas().leads(member.name(), member.is_led());
    }

    /// Notes what the database said about a project.
    pub(super) fn note(&self, member: &Member, state: &LogState) {
        let is_leading = member.is_led();
        let shown = member.project().shown_log_end().map_or(0, |shown| shown.next);
        let lag = state.position.next.saturating_sub(shown).max(0);
        let epoch = state.position.epoch;
        self.instruments.replicas().project(member.name(), is_leading, epoch, lag);
        let leader = state.leader.as_ref().map(|leader| {
            let live = self.live.lock();
            let name = live.iter().find(|replica| replica.id == leader.id);
            let is_this = leader.id == self.claim.id;
            let own_name = || if is_this { self.name.clone() } else { String::new() };
            let name = name.map_or_else(own_name, |replica| replica.name.clone());
            Leader { name, url: leader.url.clone(), is_this }
        });
        if let Some(keys) = member.compare(&state.identity) {
            let (project, keys) = (member.name(), keys.join(", "));
            tracing::warn!(
                project,
                keys,
                "the config differs from that of the leader: this replica follows, and leads only if no \
                 other one is left"
            );
        }
        let differences = member.differences();
        member.project().set_leadership(LeadershipView { leader, epoch, differences });
    }

    /// Asks the leaders of these projects for the polls that are due, and waits for them until `deadline`.
    async fn poll_elsewhere(&self, members: &[Arc<Member>], deadline: Instant) {
        let limit = |most: Duration| most.min(deadline.saturating_duration_since(Instant::now()));
        let states = async || self.states(members, limit(DUE_LIMIT)).await.unwrap_or_default();
        let mut wanted = states().await;
        wanted.retain(|_, state| state.is_poll_due && state.leader.is_some());
        let names: Vec<_> = wanted.keys().cloned().collect();
        if names.is_empty() || self.leases.want_polls(&names, limit(STATEMENT_LIMIT)).await.is_err()
        {
            return;
        }
        // A scrape does not wait during a first sync.
        for member in members.iter().filter(|member| member.project().is_first_sync()) {
            wanted.remove(member.name());
        }
        while !wanted.is_empty() && Instant::now() < deadline {
            sleep(POLL_CHECK_INTERVAL).await;
            let now = states().await;
            wanted.retain(|name, before| {
                let now = now.get(name);
                now.is_some_and(|now| now.is_poll_due && now.position == before.position)
            });
        }
    }

    /// Returns the members of these projects. A project that a reload has removed meanwhile has none, and
    /// nobody confirms what it shows.
    fn members_of(&self, projects: &[Arc<Project>]) -> Vec<Arc<Member>> {
        let members = self.members().into_iter();
        let members: HashMap<_, _> =
            members.map(|member| (Arc::as_ptr(member.project()), member)).collect();
        let member_of = |project: &Arc<Project>| {
            let member = members.get(&Arc::as_ptr(project)).cloned();
            if member.is_none() {
                let currency = Currency::behind("the project is not part of the config any more");
                project.set_currency(Instant::now(), currency);
            }
            member
        };
        projects.iter().filter_map(member_of).collect()
    }
}

impl SharedState for Replicas {
    fn refresh<'a>(&'a self, projects: &'a [Arc<Project>], deadline: Instant) -> BoxFuture<'a, ()> {
        Box::pin(self.refresh_members(self.members_of(projects), deadline))
    }

    fn poll<'a>(&'a self, projects: &'a [Arc<Project>], deadline: Instant) -> BoxFuture<'a, ()> {
        let followed = self.members_of(projects).into_iter().filter(|member| {
            let project = member.project();
            project.config().options.mode == PollMode::Scrape && !project.is_leading()
        });
        let followed: Vec<_> = followed.collect();
        Box::pin(async move {
            if !followed.is_empty() {
                self.poll_elsewhere(&followed, deadline).await;
            }
        })
    }
}
