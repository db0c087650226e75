//! After the database went back in time: the replica that knows most writes the state again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::member::Member;
use super::{Replicas, STATEMENT_LIMIT};
use crate::ledger::LogEnd;
use records_api::run_blocking;
use state_database::{DatabaseError, KnownEnd};

/// Time that other replicas get to tell what they know.
const WAIT: Duration = Duration::from_millis(1500);

impl Replicas {
    /// Writes the states again that the database lost, if no other replica knows more.
    pub(super) async fn restore_lost(&self, members: &[Arc<Member>]) -> Result<(), DatabaseError> {
        let lost: Vec<_> =
            members.iter().filter_map(|member| Some((member, member.lost()?))).collect();
        for (member, (known, _)) in &lost {
            let known = KnownEnd {
                project: member.name().to_owned(),
                replica: self.claim.id.clone(),
                epoch: known.epoch,
                next: known.next,
            };
            self.leases.note_known_end(&known, STATEMENT_LIMIT).await?;
        }
        if lost.is_empty() && !self.is_time_for_known_ends() {
            return Ok(());
        }
        let ends = self.leases.known_ends(self.claim.lease, STATEMENT_LIMIT).await?;
        for (member, (known, since)) in lost {
            let of_project = ends.iter().filter(|end| end.project == member.name());
            let most = of_project.max_by_key(|end| (end.epoch, end.next, end.replica.clone()));
            let is_own = most.is_some_and(|end| end.replica == self.claim.id);
            if is_own && since.elapsed() >= WAIT {
                self.restore(member, known).await?;
            }
        }
        // A leader that knew only the database took over before the others could tell what it lost.
        for member in members.iter().filter(|member| member.led().is_some()) {
            let is_of_others =
                |end: &KnownEnd| end.project == member.name() && end.replica != self.claim.id;
            if ends.iter().any(is_of_others) {
                member.note_release();
                self.stop_leading(member).await;
            }
        }
        Ok(())
    }

    /// Writes the state of a project again, and leads it.
    async fn restore(&self, member: &Arc<Member>, known: LogEnd) -> Result<(), DatabaseError> {
        let _turn = member.turn.lock().await;
        let (sent, name, identity) = (Instant::now(), member.name(), member.identity());
        let claim = &self.claim;
        let claimed =
            self.leases.lead_above(name, identity.as_str(), claim, known.epoch, STATEMENT_LIMIT);
        // The lease of the leader before is still there, or another replica was faster.
        let Some(leadership) = claimed.await? else { return Ok(()) };
        let key = leadership.key();
        let log = self.leading_log(member, leadership, sent);
        let project = member.project().clone();
        let restored = run_blocking(move || project.restore(Box::new(log))).await;
        let failed = match restored {
            Ok(Ok(())) => {
                member.end_loss();
                member.project().poll_now();
                tracing::error!(project = name, "the state was written to the database again");
                return self.leases.forget_known_ends(name, STATEMENT_LIMIT).await;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "writing panicked".to_owned(),
        };
        tracing::error!(project = name, error = failed, "cannot write the state again");
        member.take_led();
        self.leases.release(&key, STATEMENT_LIMIT).await
    }

    /// True every third of a lease.
    fn is_time_for_known_ends(&self) -> bool {
        let mut asked = self.asked_for_known_ends.lock();
        let is_time = asked.is_none_or(|asked| asked.elapsed() >= self.claim.lease / 3);
        if is_time {
            *asked = Some(Instant::now());
        }
        is_time
    }
}
