//! Replicas that share the database.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{Database, DatabaseError};

/// Replica that has shown itself lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Id of this life of the process.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// URL of its pages; empty if it has none.
    pub url: String,
    /// Hash of what it counts. Replicas with different ones do not share projects.
    pub config: String,
}

impl Database {
    /// Shows that a replica lives, and returns all that have done so within `lifetime`, ordered by id. Forgets those that
    /// have not for ten times as long.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn show(
        &self,
        replica: &Replica,
        lifetime: Duration,
        limit: Duration,
    ) -> Result<Vec<Replica>, DatabaseError> {
        let statement = "
            insert into screen_records_replica_1 (id, name, url, config, seen)
            values ($1, $2, $3, $4, clock_timestamp())
            on conflict (id) do update set name = $2, url = $3, config = $4, seen = clock_timestamp()";
        let parameters = [
            (&replica.id as _, Type::TEXT),
            (&replica.name as _, Type::TEXT),
            (&replica.url as _, Type::TEXT),
            (&replica.config as _, Type::TEXT),
        ];
        self.query(limit, statement, &parameters).await?;
        let seconds = lifetime.as_secs_f64();
        let lifetime = (&seconds as _, Type::FLOAT8);
        let forget = "
            delete from screen_records_replica_1
            where seen < clock_timestamp() - 10 * $1 * interval '1 second'";
        self.query(limit, forget, std::slice::from_ref(&lifetime)).await?;
        let statement = "
            select id, name, url, config from screen_records_replica_1
            where seen > clock_timestamp() - $1 * interval '1 second' order by id";
        let rows = self.query(limit, statement, &[lifetime]).await?;
        let replica = |row| {
            let (id, name) = (self.column(row, "id")?, self.column(row, "name")?);
            let (url, config) = (self.column(row, "url")?, self.column(row, "config")?);
            Ok(Replica { id, name, url, config })
        };
        rows.iter().map(replica).collect()
    }

    /// Forgets a replica that ends.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: the others forget it later.
    pub async fn leave(&self, id: &str, limit: Duration) -> Result<(), DatabaseError> {
        let statement = "delete from screen_records_replica_1 where id = $1";
        self.query(limit, statement, &[(&id, Type::TEXT)]).await.map(drop)
    }
}
