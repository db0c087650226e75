//! Rewriting a log: new frames under another base take the place of all earlier ones.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::append::{ATTEMPT_LIMIT, IS_AT_END, number_of};
use super::connection::Parameter;
use super::{Database, DatabaseError, Leadership, LogPosition, WriteError};

/// Bytes of frames that one statement inserts.
const CHUNK_BYTES: usize = 1 << 20;
/// Number of old frames that one statement deletes.
const DELETED_AT_ONCE: i64 = 200;

impl Database {
    /// Replaces the log by these frames. Until everything is written, readers see the old one. Each statement may take
    /// `limit`.
    ///
    /// # Errors
    ///
    /// [`WriteError`]. After [`WriteError::Unknown`] the leadership is of no use any more.
    pub async fn rewrite(
        &self,
        led: &mut Leadership,
        frames: impl Iterator<Item = Vec<u8>>,
        limit: Duration,
    ) -> Result<(), WriteError> {
        let before = led.position;
        // A replica that lost its leadership during a rewrite leaves frames behind, with another base.
        let base: i64 = rand::random();
        // Replicas tell a rewrite that continues what they know from one that does not by its first number.
        let first = before.next.max(led.rewrites_from);
        let mut next = first;
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        let mut frames = frames.peekable();
        while let Some(frame) = frames.next() {
            bytes += frame.len();
            chunk.push(frame);
            if bytes >= CHUNK_BYTES || frames.peek().is_none() {
                self.insert(led, base, next, &chunk, limit).await?;
                next += number_of(&chunk);
                (chunk, bytes) = (Vec::new(), 0);
            }
        }
        let after = LogPosition { base, first, appended: next, next, ..before };
        let statement = format!(
            "update screen_records_project_1
            set base = $6, first = $9, appended = $7, next = $7,
                lease_until = clock_timestamp() + $8 * interval '1 second'
            where {IS_AT_END}
            returning next"
        );
        let lease = led.lease.as_secs_f64();
        let changes: [Parameter<'_>; 4] = [
            (&base as _, Type::INT8),
            (&next as _, Type::INT8),
            (&lease as _, Type::FLOAT8),
            (&first as _, Type::INT8),
        ];
        let result = self.change(led, &statement, &changes, after, limit, ATTEMPT_LIMIT).await;
        led.changed(after, result)
    }

    /// Inserts a part of a rewrite, which nobody reads yet. Repeating it changes nothing.
    async fn insert(
        &self,
        led: &Leadership,
        base: i64,
        first: i64,
        frames: &[Vec<u8>],
        limit: Duration,
    ) -> Result<(), WriteError> {
        let LogPosition { epoch, token, .. } = led.position;
        let statement = "
            insert into screen_records_frame_1 (project, base, n, body)
            select $1, $4, $5 + frame.number - 1, frame.body
            from unnest($6) with ordinality as frame (body, number)
            where exists (
                select from screen_records_project_1
                where name = $1 and epoch = $2 and token = $3 and owner <> ''
            )
            on conflict (project, base, n) do nothing";
        let parameters = [
            (&led.project as _, Type::TEXT),
            (&epoch as _, Type::INT8),
            (&token as _, Type::INT8),
            (&base as _, Type::INT8),
            (&first as _, Type::INT8),
            (&frames as _, Type::BYTEA_ARRAY),
        ];
        let insert = || self.query(limit, statement, &parameters);
        let result = match insert().await {
            Err(error) if error.is_outcome_unknown() => insert().await,
            result => result,
        };
        // If another replica leads meanwhile, nothing was inserted, and the switch finds out.
        result.map(drop).map_err(WriteError::NotWritten)
    }

    /// Deletes some frames that are not part of the log at `position` any more, as long as its leader leads. Returns
    /// whether there may be more.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: the frames stay.
    pub async fn delete_old_frames(
        &self,
        project: &str,
        position: LogPosition,
        limit: Duration,
    ) -> Result<bool, DatabaseError> {
        let LogPosition { epoch, token, base, .. } = position;
        // Only while this replica leads: a rewrite of the next leader has another base, too.
        let statement = "
            with deleted as (
                delete from screen_records_frame_1
                where (project, base, n) in (
                    select project, base, n from screen_records_frame_1
                    where project = $1 and base <> $4
                    and exists (
                        select from screen_records_project_1
                        where name = $1 and epoch = $2 and token = $3 and base = $4
                    )
                    limit $5
                )
                returning n
            )
            select count(*) as number from deleted";
        let parameters = [
            (&project as _, Type::TEXT),
            (&epoch as _, Type::INT8),
            (&token as _, Type::INT8),
            (&base as _, Type::INT8),
            (&DELETED_AT_ONCE as _, Type::INT8),
        ];
        let rows = self.query(limit, statement, &parameters).await?;
        let number: i64 = rows.first().map_or(Ok(0), |row| self.column(row, "number"))?;
        Ok(number == DELETED_AT_ONCE)
    }
}
