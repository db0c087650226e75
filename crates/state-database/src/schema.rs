//! Tables. Their names contain the format, so that an exporter of another format does not read them.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::{Database, DatabaseError};

/// One row for each project: who leads it, and which frames its log has: those of `base` from number `first` on, up to the
/// one before `next`. `owner` is empty after a release. `identity` is a hash of what is counted. The next poll is due at `due_at`; a replica that cannot
/// poll the project itself asks its leader for a poll with `wanted_at`.
const PROJECTS: &str = "
create table if not exists screen_records_project_1 (
    name text primary key,
    epoch bigint not null default 0,
    token bigint not null default 0,
    owner text not null default '',
    owner_url text not null default '',
    lease_until timestamptz not null default '-infinity',
    base bigint not null default 0,
    first bigint not null default 0,
    appended bigint not null default 0,
    next bigint not null default 0,
    identity text not null default '',
    due_at timestamptz not null default '-infinity',
    wanted_at timestamptz
)";

/// Compression would take time and save little: names are short, and numbers vary.
const FRAMES: &str = "
create table if not exists screen_records_frame_1 (
    project text not null,
    base bigint not null,
    n bigint not null,
    body bytea not null,
    primary key (project, base, n)
)";
const STORAGE: &str = "alter table screen_records_frame_1 alter column body set storage external";

const REPLICAS: &str = "
create table if not exists screen_records_replica_1 (
    id text primary key,
    name text not null,
    url text not null,
    config text not null,
    seen timestamptz not null
)";

const REFUSALS: &str = "
create table if not exists screen_records_refusal_1 (
    credentials text not null,
    project_id text not null,
    endpoint text not null,
    body bytea not null,
    kept_at timestamptz not null,
    primary key (credentials, project_id, endpoint)
)";

/// One row for each replica that knows more of a project than the database.
const KNOWN: &str = "
create table if not exists screen_records_known_1 (
    project text not null,
    replica text not null,
    epoch bigint not null,
    next bigint not null,
    seen timestamptz not null,
    primary key (project, replica)
)";

/// One row.
const SALT: &str = "
create table if not exists screen_records_salt_1 (
    id integer primary key,
    salt bytea not null
)";

const LIMIT: Duration = Duration::from_secs(10);

impl DatabaseError {
    /// Returns whether no exporter has used the database yet.
    pub fn is_table_missing(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == SqlState::UNDEFINED_TABLE)
    }
}

impl Database {
    /// Creates the tables that do not exist.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]
    pub async fn create_tables(&self) -> Result<(), DatabaseError> {
        let found = self
            .query(LIMIT, "select to_regclass('screen_records_salt_1') is not null as found", &[])
            .await?;
        // The last one is there, so all are. A user without the right to create tables may use them.
        if let Some(row) = found.first()
            && self.column(row, "found")?
        {
            return Ok(());
        }
        for table in [PROJECTS, FRAMES, STORAGE, REPLICAS, REFUSALS, KNOWN, SALT] {
            match self.run(LIMIT, table).await {
                // Two replicas may create a table at the same time, and `if not exists` does not look far enough.
                Err(DatabaseError::Refused { code, .. })
                    if [
                        SqlState::UNIQUE_VIOLATION,
                        SqlState::DUPLICATE_TABLE,
                        SqlState::DUPLICATE_OBJECT,
                    ]
                    .contains(&code) => {}
                // Databases that are only compatible with PostgreSQL may not know it.
                Err(DatabaseError::Refused { .. }) if table == STORAGE => {}
                result => result?,
            }
        }
        Ok(())
    }
}
