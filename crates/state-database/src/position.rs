//! States of the logs: their ends, who leads the projects, and whether a poll is due.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Database, DatabaseError};

/// Position in the log of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogPosition {
    /// Number of the leadership. Grows by one with each.
    pub epoch: i64,
    /// Random number of the leadership. Two leaderships of the same epoch, after the database went back in time, differ
    /// in it.
    pub token: i64,
    /// Base of the frames. A rewrite changes it.
    pub base: i64,
    /// Number of the first frame of the base.
    pub first: i64,
    /// Number of the next frame.
    pub next: i64,
}

/// Replica that leads a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Id of the life of its process.
    pub id: String,
    /// URL of its pages; empty if it has none.
    pub url: String,
}

/// State of the log of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// Name of the project.
    pub project: String,
    /// End of the log.
    pub position: LogPosition,
    /// Replica whose lease has not ended.
    pub leader: Option<Leader>,
    /// Hash of what the last leader counts.
    pub identity: String,
    /// Whether the next poll is due.
    pub is_poll_due: bool,
    /// Whether a replica wants a poll, and none was committed since.
    pub is_poll_wanted: bool,
}

impl Database {
    /// Returns the states of the logs of these projects; a project that was never led has none.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn states(
        &self,
        projects: &[String],
        limit: Duration,
    ) -> Result<Vec<LogState>, DatabaseError> {
        let statement = "
            select name, epoch, token, base, first, next, owner, owner_url, identity,
                   lease_until > clock_timestamp() as led,
                   due_at <= clock_timestamp() as due, wanted_at is not null as wanted
            from screen_records_project_1 where name = any($1)";
        let rows = self.query(limit, statement, &[(&projects, Type::TEXT_ARRAY)]).await?;
        rows.iter().map(|row| self.state(row)).collect()
    }

    fn state(&self, row: &Row) -> Result<LogState, DatabaseError> {
        let is_led: bool = self.column(row, "led")?;
        let leader = Leader { id: self.column(row, "owner")?, url: self.column(row, "owner_url")? };
        Ok(LogState {
            project: self.column(row, "name")?,
            position: self.position(row)?,
            leader: is_led.then_some(leader),
            identity: self.column(row, "identity")?,
            is_poll_due: self.column(row, "due")?,
            is_poll_wanted: self.column(row, "wanted")?,
        })
    }

    pub(crate) fn position(&self, row: &Row) -> Result<LogPosition, DatabaseError> {
        Ok(LogPosition {
            epoch: self.column(row, "epoch")?,
            token: self.column(row, "token")?,
            base: self.column(row, "base")?,
            first: self.column(row, "first")?,
            next: self.column(row, "next")?,
        })
    }
}
