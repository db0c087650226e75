//! Ends of logs that replicas have seen, for the case that the database went back in time.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{Database, DatabaseError, LogPosition};

/// Time for which a noted end counts. A replica notes it again and again while the database lacks it.
pub(crate) const KNOWN_LIFETIME: &str = "interval '1 minute'";

/// End of a log that a replica has seen, and that the database does not have any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEnd {
    /// Name of the project.
    pub project: String,
    /// Id of the replica.
    pub replica: String,
    /// Number of the leadership.
    pub epoch: i64,
    /// Number of the frame after the last one.
    pub next: i64,
}

impl Database {
    /// Tells the other replicas that this one has seen a later end of a log than `found`, unless another replica leads it
    /// or has written it again since. Deletes what was noted a day ago.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: they may not learn of it.
    pub async fn note_known_end(
        &self,
        known: &KnownEnd,
        found: LogPosition,
        limit: Duration,
    ) -> Result<(), DatabaseError> {
        let statement = "
            insert into screen_records_known_1 (project, replica, epoch, next, seen)
            select $1, $2, $3, $4, clock_timestamp()
            where coalesce(
                (
                    select (epoch, token, base) = ($5, $6, $7) from screen_records_project_1
                    where name = $1
                ),
                true
            )
            on conflict (project, replica)
            do update set epoch = $3, next = $4, seen = clock_timestamp()";
        let parameters = [
            (&known.project as _, Type::TEXT),
            (&known.replica as _, Type::TEXT),
            (&known.epoch as _, Type::INT8),
            (&known.next as _, Type::INT8),
            (&found.epoch as _, Type::INT8),
            (&found.token as _, Type::INT8),
            (&found.base as _, Type::INT8),
        ];
        self.query(limit, statement, &parameters).await?;
        let delete = "
            delete from screen_records_known_1 where seen < clock_timestamp() - interval '1 day'";
        self.query(limit, delete, &[]).await.map(drop)
    }

    /// Returns the ends that replicas have noted within the last minute.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn known_ends(&self, limit: Duration) -> Result<Vec<KnownEnd>, DatabaseError> {
        let statement = format!(
            "select project, replica, epoch, next from screen_records_known_1
            where seen > clock_timestamp() - {KNOWN_LIFETIME}
            order by project, replica"
        );
        let rows = self.query(limit, &statement, &[]).await?;
        let known = |row| {
            let (project, replica) = (self.column(row, "project")?, self.column(row, "replica")?);
            let (epoch, next) = (self.column(row, "epoch")?, self.column(row, "next")?);
            Ok(KnownEnd { project, replica, epoch, next })
        };
        rows.iter().map(known).collect()
    }

    /// Forgets the ends of a log, which has a later one again.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: they are forgotten after their lifetime.
    pub async fn forget_known_ends(
        &self,
        project: &str,
        limit: Duration,
    ) -> Result<(), DatabaseError> {
        let statement = "delete from screen_records_known_1 where project = $1";
        self.query(limit, statement, &[(&project as _, Type::TEXT)]).await.map(drop)
    }
}
