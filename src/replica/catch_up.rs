//! Applying what other replicas have committed.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::member::{Member, Turn, log_end};
use super::relation::Relation;
use super::{Replicas, STATEMENT_LIMIT};
use crate::ledger::{DurableLedger, LogEnd};
use records_api::run_blocking;
use state_database::{Database, LogPosition, ReadError};

/// Time limit of a statement that reads frames.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// Time limit of the release of a lease.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// Reason why a log was not applied to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum CatchUpError {
    /// The log could not be read, or not to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The frames do not fit together.
    #[error(
        "the log of the project cannot be read: {0}; use the version that wrote it, or stop all \
         replicas, then restore a backup or delete the rows of the project, after which counting begins again"
    )]
    Damaged(String),
    /// The database has less than this replica knows.
    #[error(
        "the database went back in time; no counters are served until a replica has written them again"
    )]
    WentBack,
    /// The process ends.
    #[error("the process ends")]
    Ended,
    /// The thread that applied them panicked.
    #[error("applying the log panicked")]
    Panicked,
}

impl Replicas {
    /// Makes a project serve the log up to `to`, or further. A replica that leads it and sees that another
    /// one does stops leading first.
    pub(super) async fn catch_up(
        &self,
        member: &Arc<Member>,
        to: LogPosition,
    ) -> Result<(), CatchUpError> {
        let turn = member.turn.clone().lock_owned().await;
        self.catch_up_in_turn(member, to, turn).await
    }

    /// The same, while `turn` is held.
    pub(super) async fn catch_up_in_turn(
        &self,
        member: &Arc<Member>,
        to: LogPosition,
        turn: Turn,
    ) -> Result<(), CatchUpError> {
        let Some(to) = self.confirmed(member, log_end(to), &turn).await? else { return Ok(()) };
        if let Some(led) = member.led() {
            let is_own = (led.end.epoch, led.end.token) == (to.epoch, to.token);
            if is_own && !led.lease.is_lost() {
                // The commit is this replica's own. It is served before the state is free again.
                // The snapshot does not tell: it gets the end of a part of a first sync a moment later.
                let held = member.project().wait_for_commit().await;
                // Otherwise a commit that was taken for refused was executed.
                if !led.lease.is_lost() && held.is_some_and(|held| held.next >= to.next) {
                    return Ok(());
                }
            }
            self.stop_leading_in_turn(member, &turn).await;
        }
        if member.project().shown_log_end() == Some(to) {
            return Ok(());
        }
        // Each read takes memory and a thread.
        let _read = self.reads.acquire().await;
        let (database, runtime) = (self.log.clone(), Handle::current());
        let (read_by, known) = (member.clone(), member.project().shown_log_end());
        let applied = run_blocking(move || {
            let log = Log { database: &database, runtime: &runtime, name: read_by.name(), to };
            log.apply_to(&read_by)
        });
        let applied = applied.await.unwrap_or(Err(CatchUpError::Panicked));
        match &applied {
            Ok(()) => member.end_loss(),
            Err(CatchUpError::WentBack) => {
                self.lost(member, known.unwrap_or_default(), to, &turn).await;
            }
            Err(_) => {}
        }
        applied
    }

    /// Returns the end up to which the log is to be applied; `None` if nothing is to be done.
    async fn confirmed(
        &self,
        member: &Arc<Member>,
        found: LogEnd,
        turn: &Turn,
    ) -> Result<Option<LogEnd>, CatchUpError> {
        let known = || member.project().shown_log_end().unwrap_or_default();
        match Relation::of(found, known()) {
            Relation::Same => return Ok(None),
            Relation::Later => return Ok(Some(found)),
            Relation::Earlier | Relation::Lost => {}
        }
        // An answer may be older than what was committed since it was asked for. This one is not.
        let known = known();
        let states = self.states(std::slice::from_ref(member), STATEMENT_LIMIT).await;
        let found = states.map_err(ReadError::from)?.remove(member.name());
        let found = found.map_or_else(LogEnd::default, |state| log_end(state.position));
        match Relation::of(found, known) {
            Relation::Same => Ok(None),
            Relation::Later => Ok(Some(found)),
            Relation::Earlier | Relation::Lost => {
                self.lost(member, known, found, turn).await;
                Err(CatchUpError::WentBack)
            }
        }
    }

    /// Notes that the database lost commits up to `known`: it has a log that ends at `found`.
    async fn lost(&self, member: &Member, known: LogEnd, found: LogEnd, turn: &Turn) {
        let is_new = member.note_loss(known, found);
        // Before it leaves the project to others. One that knows less could lead it, and would serve lower
        // counters.
        let noted = self.note_lost(member).await;
        self.stop_leading_in_turn(member, turn).await;
        self.wake.notify_one();
        if is_new {
            let (project, known, found) = (member.name(), known.next, found.next);
            tracing::error!(
                project,
                known,
                found,
                "the database lost commits that this replica has served: it went back in time"
            );
        }
        if let Err(error) = noted {
            tracing::debug!(project = member.name(), %error, "the loss is noted with the next turn");
        }
    }

    /// Stops leading a project, if this replica does, and lets others lead it. After a lost answer nobody
    /// else leads, and all would wait for the end of the lease.
    pub(super) async fn stop_leading(&self, member: &Member) {
        let turn = member.turn.clone().lock_owned().await;
        self.stop_leading_in_turn(member, &turn).await;
    }

    /// The same, while the turn is held: a log that is applied before the ledger follows would be applied
    /// twice.
    pub(super) async fn stop_leading_in_turn(&self, member: &Member, _: &Turn) {
        let Some(led) = member.take_led() else { return };
        led.lease.lose();
        member.project().stop_leading().await;
        let project = member.name();
        tracing::info!(project, epoch = led.end.epoch, "stopped leading the project");
        if let Err(error) = self.leases.release(&[led.key], RELEASE_LIMIT).await {
            tracing::debug!(project, %error, "the lease ends by itself");
        }
    }
}

/// Reads the whole log of a project into a ledger of its own.
///
/// # Errors
///
/// A message about the log or the database.
pub async fn read_log(
    database: &Arc<Database>,
    name: &str,
    to: LogPosition,
) -> Result<DurableLedger, String> {
    let (database, runtime, name) = (database.clone(), Handle::current(), name.to_owned());
    let read = run_blocking(move || {
        let to = log_end(to);
        Log { database: &database, runtime: &runtime, name: &name, to }.load()
    });
    read.await.unwrap_or(Err(CatchUpError::Panicked)).map_err(|error| error.to_string())
}

/// The log of a project up to an end. Its methods block the thread.
struct Log<'l> {
    database: &'l Database,
    runtime: &'l Handle,
    name: &'l str,
    to: LogEnd,
}

impl Log<'_> {
    /// Applies the log to the ledger of a project, from where it ends.
    fn apply_to(&self, member: &Member) -> Result<(), CatchUpError> {
        let project = member.project();
        let known = project.known_log_end().unwrap_or_default();
        let has_read = known.token != 0;
        // A log that the same leader rewrote begins with the state that this ledger holds.
        let is_same_leader = (known.epoch, known.token) == (self.to.epoch, self.to.token);
        let (is_base, is_rewrite) =
            (known.base == self.to.base, is_same_leader && known.next == self.to.first);
        // Names of hidden users have other numbers in the rewritten log of a leader that shows them.
        let is_rewrite = is_rewrite && member.differences().is_empty();
        if has_read && (is_base || is_rewrite) && known.next <= self.to.next {
            return project.follow(|ledger| {
                if !is_base {
                    ledger.follow_rewrite(self.to);
                }
                let read = self.read_into(ledger);
                if matches!(read, Err(CatchUpError::Damaged(_))) {
                    // Nothing of it can be trusted. The next time, all of the log is read.
                    *ledger = DurableLedger::following();
                }
                read
            });
        }
        let begun = Instant::now();
        let ledger = self.load()?;
        let (project_name, records) = (self.name, ledger.len());
        tracing::info!(project = project_name, records, took = ?begun.elapsed(), "state read");
        project.replace_ledger(ledger);
        Ok(())
    }

    /// Reads the whole log.
    fn load(&self) -> Result<DurableLedger, CatchUpError> {
        let mut ledger = DurableLedger::following();
        ledger.follow_from(self.to);
        self.read_into(&mut ledger)?;
        Ok(ledger)
    }

    /// Reads what a ledger does not hold yet.
    fn read_into(&self, ledger: &mut DurableLedger) -> Result<(), CatchUpError> {
        let next = ledger.log_end().unwrap_or_default().next;
        let to = super::member::position(self.to);
        // The last frame is read again. Another one in its place means that the log went back in time and
        // grew again, while this replica could not ask.
        let has_last = ledger.knows_last_frame() && next > to.first;
        let (from, mut is_last) = (if has_last { next - 1 } else { next }, has_last);
        let mut is_forked = false;
        let apply = |frame: &[u8]| match std::mem::take(&mut is_last) {
            true if ledger.ends_with(frame) => Ok(()),
            // Somebody else's log has grown beyond what this replica knew.
            true => {
                is_forked = true;
                Err("it is not the one that was applied before".to_owned())
            }
            false => ledger.apply_frame(frame),
        };
        let read = self.database.read(self.name, from, to, READ_LIMIT, apply);
        let read = self.runtime.block_on(read);
        read.map_err(|error| match error {
            ReadError::Frame { .. } if is_forked => CatchUpError::WentBack,
            ReadError::Frame { number, why } => {
                CatchUpError::Damaged(format!("frame {number}: {why}"))
            }
            ReadError::Missing { .. } => CatchUpError::Damaged(error.to_string()),
            error => error.into(),
        })?;
        ledger.end_frames(self.to).map_err(CatchUpError::Damaged)
    }
}
