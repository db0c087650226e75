//! After the database went back in time: the replica that knows most writes the state again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::member::{Loss, Member, position};
use super::{Replicas, STATEMENT_LIMIT};
use crate::ledger::{DurableLedger, LogEnd};
use records_api::run_blocking;
use state_database::{DatabaseError, KnownEnd};

/// Time that other replicas get to tell what they know.
const WAIT: Duration = Duration::from_millis(1500);

impl Replicas {
    /// Writes one of the states again that the database lost, if no other replica knows more.
    pub(super) async fn restore_lost(&self, members: &[Arc<Member>]) -> Result<(), DatabaseError> {
        // Without those that are restored now.
        let led: Vec<_> = members.iter().filter(|member| member.led().is_some()).collect();
        let lost: Vec<_> =
            members.iter().filter_map(|member| Some((member, member.lost()?))).collect();
        for (member, _) in &lost {
            self.note_lost(member).await?;
        }
        if lost.is_empty() && !self.is_time_for_known_ends() {
            return Ok(());
        }
        let ends = self.leases.known_ends(STATEMENT_LIMIT).await?;
        let mut is_first = true;
        for (member, loss) in lost {
            let of_project = ends.iter().filter(|end| end.project == member.name());
            let most = of_project.max_by_key(|end| (end.epoch, end.next, end.replica.clone()));
            let is_own = most.is_some_and(|end| end.replica == self.claim.id);
            if !is_own || loss.since.elapsed() < WAIT {
                continue;
            }
            // The others come with the next turns: a replica that writes for long must note meanwhile what it
            // knows, or those that know less would write the rest.
            if !std::mem::take(&mut is_first) {
                self.wake.notify_one();
                break;
            }
            self.restore(member, loss.known).await?;
        }
        // A leader that knew only the database took over before the others could tell what it lost.
        for member in led {
            let is_of_others =
                |end: &KnownEnd| end.project == member.name() && end.replica != self.claim.id;
            if ends.iter().any(is_of_others) {
                member.leave_to_others();
                self.stop_leading(member).await;
            }
        }
        Ok(())
    }

    /// Tells the other replicas that the database lost commits of a project, unless another log is there by
    /// now.
    pub(super) async fn note_lost(&self, member: &Member) -> Result<(), DatabaseError> {
        let Some(Loss { known, found, .. }) = member.lost() else { return Ok(()) };
        let known = KnownEnd {
            project: member.name().to_owned(),
            replica: self.claim.id.clone(),
            epoch: known.epoch,
            next: known.next,
        };
        self.leases.note_known_end(&known, position(found), STATEMENT_LIMIT).await
    }

    /// Writes the state of a project again, and leads it.
    async fn restore(&self, member: &Arc<Member>, known: LogEnd) -> Result<(), DatabaseError> {
        let _turn = member.turn.lock().await;
        let (sent, name, identity) = (Instant::now(), member.name(), member.identity());
        let claimed = self.leases.lead_above(
            name,
            identity.as_str(),
            &self.claim,
            position(known),
            STATEMENT_LIMIT,
        );
        // The lease of the leader before is still there, or another replica was faster.
        let Some(leadership) = claimed.await? else { return Ok(()) };
        let key = leadership.key();
        let log = self.leading_log(member, leadership, sent);
        let project = member.project().clone();
        let restored = run_blocking(move || project.restore(Box::new(log), known)).await;
        let failed = match restored {
            Ok(Ok(true)) => {
                member.end_loss();
                member.project().poll_now();
                tracing::error!(project = name, "the state was written to the database again");
                return self.leases.forget_known_ends(name, STATEMENT_LIMIT).await;
            }
            // What it has was damaged since. It reads what the database has.
            Ok(Ok(false)) => {
                member.project().replace_ledger(DurableLedger::following());
                member.end_loss();
                "this replica does not have it any more".to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "writing panicked".to_owned(),
        };
        tracing::error!(project = name, error = failed, "cannot write the state again");
        member.take_led();
        self.leases.release(&[key], STATEMENT_LIMIT).await
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
