//! Refused credentials, so that no replica tries what the API refused another one.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{Database, DatabaseError};

/// Bytes of the salt.
const SALT_BYTES: usize = 16;

impl Database {
    /// Keeps a refusal, in place of an earlier one of the same credentials for the same project and endpoint. Forgets all
    /// those that were kept longer than `lifetime` ago. `credentials` is a hash, never the credentials themselves.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: it may not be kept.
    pub async fn keep_refusal(
        &self,
        credentials: &str,
        project_id: &str,
        endpoint: &str,
        body: &[u8],
        lifetime: Duration,
        limit: Duration,
    ) -> Result<(), DatabaseError> {
        let statement = "
            insert into screen_records_refusal_1 (credentials, project_id, endpoint, body, kept_at)
            values ($1, $2, $3, $4, clock_timestamp())
            on conflict (credentials, project_id, endpoint)
            do update set body = $4, kept_at = clock_timestamp()";
        let parameters = [
            (&credentials as _, Type::TEXT),
            (&project_id as _, Type::TEXT),
            (&endpoint as _, Type::TEXT),
            (&body as _, Type::BYTEA),
        ];
        self.query(limit, statement, &parameters).await?;
        let forget = "
            delete from screen_records_refusal_1
            where kept_at < clock_timestamp() - $1 * interval '1 second'";
        let seconds = lifetime.as_secs_f64();
        self.query(limit, forget, &[(&seconds as _, Type::FLOAT8)]).await.map(drop)
    }

    /// Returns the refusals of credentials that were kept at most `lifetime` ago, ordered by project and endpoint.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn refusals(
        &self,
        credentials: &str,
        lifetime: Duration,
        limit: Duration,
    ) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let statement = "
            select body from screen_records_refusal_1
            where credentials = $1 and kept_at >= clock_timestamp() - $2 * interval '1 second'
            order by project_id, endpoint";
        let seconds = lifetime.as_secs_f64();
        let parameters = [(&credentials as _, Type::TEXT), (&seconds as _, Type::FLOAT8)];
        let rows = self.query(limit, statement, &parameters).await?;
        rows.iter().map(|row| self.column(row, "body")).collect()
    }

    /// Returns the salt of the hashes in this database, the same for all replicas. The first that asks creates it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn salt(&self, limit: Duration) -> Result<Vec<u8>, DatabaseError> {
        // A database that refuses writes can still be read.
        if let Some(salt) = self.existing_salt(limit).await? {
            return Ok(salt);
        }
        let salt: [u8; SALT_BYTES] = rand::random();
        let create = "
            insert into screen_records_salt_1 (id, salt) values (1, $1) on conflict (id) do nothing";
        self.query(limit, create, &[(&salt.as_slice() as _, Type::BYTEA)]).await?;
        let salt = self.existing_salt(limit).await?;
        salt.ok_or_else(|| self.invalid("the table of the salt is empty"))
    }

    async fn existing_salt(&self, limit: Duration) -> Result<Option<Vec<u8>>, DatabaseError> {
        let statement = "select salt from screen_records_salt_1 where id = 1";
        let rows = self.query(limit, statement, &[]).await?;
        rows.first().map(|row| self.column(row, "salt")).transpose()
    }
}
