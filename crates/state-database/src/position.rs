//! States of the logs: their ends, who leads the projects, and whether a poll is due.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::known::KNOWN_LIFETIME;
use super::lead::IS_LED;
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
    /// Number of the first frame of the base. The log ended before it when it was rewritten.
    pub first: i64,
    /// Number of the first frame that was appended after the rewrite.
    pub appended: i64,
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
    /// Whether a replica has noted within the last minute that it knows a later end.
    pub is_lost: bool,
    /// Time since the last lease ended; zero while a replica leads.
    pub free_for: Duration,
    /// Hash of what the last leader counts.
    pub identity: String,
    /// Whether the next poll is due.
    pub is_poll_due: bool,
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
        let statement = format!(
            "select name, epoch, token, base, first, appended, next, owner, owner_url, identity,
                   {IS_LED} as led,
                   exists (
                       select from screen_records_known_1 as known
                       where known.project = name and known.seen > clock_timestamp() - {KNOWN_LIFETIME}
                   ) as lost,
                   case when lease_until < clock_timestamp() - interval '1 day' then 86400
                        else extract(epoch from clock_timestamp() - lease_until)::float8
                   end as free_for,
                   due_at <= clock_timestamp() as due
            from screen_records_project_1 where name = any($1)"
        );
        let rows = self.query(limit, &statement, &[(&projects, Type::TEXT_ARRAY)]).await?;
        rows.iter().map(|row| self.state(row)).collect()
    }

    /// Returns the states of all logs.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn all_states(&self, limit: Duration) -> Result<Vec<LogState>, DatabaseError> {
        let names = "select name from screen_records_project_1 order by name";
        let rows = self.query(limit, names, &[]).await?;
        let names: Result<Vec<String>, _> =
            rows.iter().map(|row| self.column(row, "name")).collect();
        let mut states = self.states(&names?, limit).await?;
        states.sort_by(|one, other| one.project.cmp(&other.project));
        Ok(states)
    }

    fn state(&self, row: &Row) -> Result<LogState, DatabaseError> {
        let is_led: bool = self.column(row, "led")?;
        let leader = Leader { id: self.column(row, "owner")?, url: self.column(row, "owner_url")? };
        Ok(LogState {
            project: self.column(row, "name")?,
            position: self.position(row)?,
            leader: is_led.then_some(leader),
            is_lost: self.column(row, "lost")?,
            free_for: Duration::from_secs_f64(self.column::<f64>(row, "free_for")?.max(0.0)),
            identity: self.column(row, "identity")?,
            is_poll_due: self.column(row, "due")?,
        })
    }

    pub(crate) fn position(&self, row: &Row) -> Result<LogPosition, DatabaseError> {
        Ok(LogPosition {
            epoch: self.column(row, "epoch")?,
            token: self.column(row, "token")?,
            base: self.column(row, "base")?,
            first: self.column(row, "first")?,
            appended: self.column(row, "appended")?,
            next: self.column(row, "next")?,
        })
    }
}
