//! Polls that replicas ask the leaders for.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::{Database, DatabaseError};

/// Channel of the notifications. Their payload is the name of a project.
pub(crate) const CHANNEL: &str = "screen_records_poll";

impl Database {
    /// Asks the leader of a project for a poll, if one is due, somebody leads it and nobody has asked yet. The leader sees
    /// this when it extends its lease; a notification tells those that listen at once, if the database has notifications.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: the leader may not learn of it.
    pub async fn want_poll(&self, project: &str, limit: Duration) -> Result<(), DatabaseError> {
        // A poll may have been committed since the caller saw that one was due. Its wish would cause another one.
        let update = "
            update screen_records_project_1 set wanted_at = clock_timestamp()
            where name = $1 and lease_until > clock_timestamp() and due_at <= clock_timestamp()
                and wanted_at is null";
        let project = [(&project as _, Type::TEXT)];
        if self.can_notify() {
            let statement = format!(
                "with wanted as ({update} returning name)
                select pg_notify('{CHANNEL}', name) from wanted"
            );
            match self.query(limit, &statement, &project).await {
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
        self.query(limit, update, &project).await.map(drop)
    }
}
