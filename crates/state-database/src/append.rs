//! Appending to the log of a project.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::connection::Parameter;
use super::{Database, DatabaseError, Leadership, LogPosition};

/// Reason why nothing was written, or why nobody knows whether it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another replica leads the project, or nobody knows whether an earlier change was written. Nothing was written,
    /// unless an answer was lost before the other replica began to lead: the log shows it.
    #[error("another replica leads the project")]
    Fenced,
    /// The database refused, or could not be asked. Nothing was written.
    #[error(transparent)]
    NotWritten(DatabaseError),
    /// The database did not answer. It may have written everything, or may do so later, or nothing. The log shows which
    /// as soon as the project has another leadership.
    #[error("{0}; the log will show whether it was written")]
    Unknown(DatabaseError),
}

impl Database {
    /// Appends the frames of one commit, all or none, and extends the lease. The next poll is due after `due_in`, and is
    /// not wanted any more. If the answer is lost, looks whether they were written, until `limit` has passed.
    ///
    /// # Errors
    ///
    /// [`WriteError`]. After [`WriteError::Unknown`] the leadership is of no use any more.
    pub async fn append(
        &self,
        led: &mut Leadership,
        frames: &[Vec<u8>],
        due_in: Duration,
        limit: Duration,
    ) -> Result<(), WriteError> {
        let count = number_of(frames);
        let after = LogPosition { next: led.position.next + count, ..led.position };
        let statement = format!(
            "with moved as (
                update screen_records_project_1
                set next = next + $6, lease_until = clock_timestamp() + $7 * interval '1 second',
                    due_at = clock_timestamp() + $9 * interval '1 second', wanted_at = null
                where {IS_AT_END}
                returning next
            ), written as (
                insert into screen_records_frame_1 (project, base, n, body)
                select $1, $4, $5 + frame.number - 1, frame.body
                from unnest($8) with ordinality as frame (body, number)
                where exists (select from moved)
            )
            select next from moved"
        );
        let (lease, due_in) = (led.lease.as_secs_f64(), due_in.as_secs_f64());
        let changes: [Parameter<'_>; 4] = [
            (&count as _, Type::INT8),
            (&lease as _, Type::FLOAT8),
            (&frames as _, Type::BYTEA_ARRAY),
            (&due_in as _, Type::FLOAT8),
        ];
        let result = self.change(led, &statement, &changes, after, limit, attempt(frames)).await;
        led.changed(after, result)
    }

    /// Executes a statement that moves the end of a log to `after` on condition of [`IS_AT_END`], and returns a row then.
    /// `changes` are its parameters from `$6` on. Each execution may take `attempt`, all of them and the looks at the result
    /// together `limit`.
    pub(crate) async fn change(
        &self,
        led: &Leadership,
        statement: &str,
        changes: &[Parameter<'_>],
        after: LogPosition,
        limit: Duration,
        attempt: Duration,
    ) -> Result<(), WriteError> {
        if led.is_in_doubt {
            return Err(WriteError::Fenced);
        }
        let before = led.position;
        let parameters = [&led.end_parameters(), changes].concat();
        let until = Instant::now() + limit;
        let left = || until.saturating_duration_since(Instant::now());
        // Set if an attempt may have been executed.
        let mut doubt = None;
        loop {
            match self.query(left().min(attempt), statement, &parameters).await {
                Ok(rows) if !rows.is_empty() => return Ok(()),
                Ok(_) if doubt.is_none() => return Err(WriteError::Fenced),
                // The earlier attempt or another replica has moved the end.
                Ok(_) => {}
                Err(error) if doubt.is_none() && !error.is_outcome_unknown() => {
                    return Err(WriteError::NotWritten(error));
                }
                Err(error) => doubt = doubt.or(Some(error)),
            }
            let look = left().min(ATTEMPT_LIMIT);
            match self.states(std::slice::from_ref(&led.project), look).await {
                Ok(states) => match states.first().map(|state| state.position) {
                    Some(position) if position == after => return Ok(()),
                    // The attempt may still be under way in the database. If it is executed first, the next attempt
                    // finds the end moved and looks again.
                    Some(position) if position == before => tokio::time::sleep(PAUSE).await,
                    _ => return Err(WriteError::Fenced),
                },
                Err(error) if left().is_zero() => {
                    return Err(WriteError::Unknown(doubt.unwrap_or(error)));
                }
                Err(_) => tokio::time::sleep(PAUSE.min(left())).await,
            }
        }
    }
}

/// Condition that a leadership was not released, and that the log ends where its leader knows it. The parameters are
/// [`Leadership::end_parameters`].
pub(crate) const IS_AT_END: &str =
    "name = $1 and epoch = $2 and token = $3 and base = $4 and next = $5 and owner <> ''";

impl Leadership {
    /// Returns the first parameters of a change.
    fn end_parameters(&self) -> [Parameter<'_>; 5] {
        let LogPosition { epoch, token, base, next, .. } = &self.position;
        [
            (&self.project as _, Type::TEXT),
            (epoch as _, Type::INT8),
            (token as _, Type::INT8),
            (base as _, Type::INT8),
            (next as _, Type::INT8),
        ]
    }

    /// Takes note of the result of a change.
    pub(crate) fn changed(
        &mut self,
        after: LogPosition,
        result: Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        match &result {
            Ok(()) => self.position = after,
            Err(WriteError::Unknown(_)) => self.is_in_doubt = true,
            Err(WriteError::Fenced | WriteError::NotWritten(_)) => {}
        }
        result
    }
}

/// Returns the number of frames.
pub(crate) fn number_of(frames: &[Vec<u8>]) -> i64 {
    i64::try_from(frames.len()).unwrap_or(i64::MAX)
}

/// Returns the time that an insertion of frames may take. A connection without answers is replaced afterwards.
fn attempt(frames: &[Vec<u8>]) -> Duration {
    let bytes: usize = frames.iter().map(Vec::len).sum();
    ATTEMPT_LIMIT + Duration::from_micros(bytes as u64)
}

/// Time that a statement without frames may take. A megabyte more takes a second.
pub(crate) const ATTEMPT_LIMIT: Duration = Duration::from_secs(3);

/// Pause between two attempts to reach the database.
const PAUSE: Duration = Duration::from_millis(100);
