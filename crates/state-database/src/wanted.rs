//! Polls that replicas ask the leaders for.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::{Database, DatabaseError};

/// Channel of the notifications. Their payload is the name of a project.
pub(crate) const CHANNEL: &str = "screen_records_poll";

impl Database {
    /// Asks the leaders of these projects for a poll, where one is due, somebody leads and nobody has asked yet. A leader
    /// sees this when it extends its lease; notifications tell those that listen at once, if the database has them.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: the leaders may not learn of it.
    pub async fn want_polls(
        &self,
        projects: &[String],
        limit: Duration,
    ) -> Result<(), DatabaseError> {
        // A poll may have been committed since the caller saw that one was due. Its wish would cause another one.
        // The rows are locked in the same order as by leaders, who would otherwise wait for this statement, and it for
        // them.
        let update = "
            with due as (
                select name from screen_records_project_1
                where name = any($1) and lease_until > clock_timestamp() and due_at <= clock_timestamp()
                    and wanted_at is null
                order by name
                for update
            ), wanted as (
                update screen_records_project_1 as project set wanted_at = clock_timestamp()
                from due where project.name = due.name
                returning project.name
            )";
        let names = [(&projects as _, Type::TEXT_ARRAY)];
        if self.can_notify() {
            let statement = format!("{update} select pg_notify('{CHANNEL}', name) from wanted");
            match self.query(limit, &statement, &names).await {
                Err(DatabaseError::Refused { code, .. })
                    if [
                        SqlState::UNDEFINED_FUNCTION,
                        SqlState::FEATURE_NOT_SUPPORTED,
                        SqlState::INSUFFICIENT_PRIVILEGE,
                    ]
                    .contains(&code) =>
                {
                    self.give_up_notifications();
                }
                result => return result.map(drop),
            }
        }
        self.query(limit, &format!("{update} select from wanted"), &names).await.map(drop)
    }
}
