//! Leases: who may append to the log of a project.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::{Database, DatabaseError, LogPosition};

/// Condition that a lease has not ended. No lease is nearly as long as an hour. One that is comes from a database whose
/// clock was ahead, and would keep the project without a leader if that one has died.
pub(crate) const IS_LED: &str = "
    (lease_until > clock_timestamp() and lease_until < clock_timestamp() + interval '1 hour')";

/// Replica that wants to lead projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Id of this life of the process. Not a name of the machine, because two processes may have the same.
    pub id: String,
    /// URL of its pages; empty if it has none.
    pub url: String,
    /// Time after which another replica may lead, unless the lease is extended.
    pub lease: Duration,
}

/// Returns a random id for one life of a process.
pub fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Right to append to the log of a project, until another replica leads it.
#[derive(Debug, PartialEq, Eq)]
pub struct Leadership {
    pub(crate) project: String,
    pub(crate) lease: Duration,
    /// End of the log after the last append.
    pub(crate) position: LogPosition,
    /// Whether a change may still be under way. Its frames could be taken for those of a later one.
    pub(crate) is_in_doubt: bool,
    /// Smallest number of the first frame of a rewrite.
    pub(crate) rewrites_from: i64,
}

/// Name of a leadership, for a task that extends or ends its lease while another one appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadershipKey {
    project: String,
    epoch: i64,
    token: i64,
    lease: Duration,
}

/// Leadership whose lease was extended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// Name of the project.
    pub project: String,
    /// Whether a replica wants a poll, and none was committed since.
    pub is_poll_wanted: bool,
}

impl LeadershipKey {
    /// Returns the name of the project.
    pub fn project(&self) -> &str {
        &self.project
    }
}

impl Leadership {
    /// Returns the name of the project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Returns the name of this leadership.
    pub fn key(&self) -> LeadershipKey {
        let LogPosition { epoch, token, .. } = self.position;
        LeadershipKey { project: self.project.clone(), epoch, token, lease: self.lease }
    }

    /// Returns the end of the log after the last append.
    pub fn position(&self) -> LogPosition {
        self.position
    }
}

impl Database {
    /// Leads a project if nobody else does. Creates its log if it has none. `identity` is a hash of what the replica
    /// counts; the state of the log has that of the last leader.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: this replica does not lead the project. If it did without learning of it, its lease ends.
    pub async fn lead(
        &self,
        project: &str,
        identity: &str,
        claim: &Claim,
        limit: Duration,
    ) -> Result<Option<Leadership>, DatabaseError> {
        self.claim(project, identity, claim, None, limit).await
    }

    /// The same, with an epoch above that of `known`. A rewrite begins after the end of `known`, and after that of the log.
    /// For a replica that knows a later end of the log than the database has.
    ///
    /// # Errors
    ///
    /// As for [`Self::lead`].
    pub async fn lead_above(
        &self,
        project: &str,
        identity: &str,
        claim: &Claim,
        known: LogPosition,
        limit: Duration,
    ) -> Result<Option<Leadership>, DatabaseError> {
        self.claim(project, identity, claim, Some(known), limit).await
    }

    async fn claim(
        &self,
        project: &str,
        identity: &str,
        claim: &Claim,
        known: Option<LogPosition>,
        limit: Duration,
    ) -> Result<Option<Leadership>, DatabaseError> {
        let above = known.map_or(0, |known| known.epoch);
        let name = (&project as _, Type::TEXT);
        let create =
            "insert into screen_records_project_1 (name) values ($1) on conflict (name) do nothing";
        self.query(limit, create, std::slice::from_ref(&name)).await?;
        // Evaluated again when the row was locked, so of two replicas that ask at the same time one finds it led.
        let statement = format!(
            "update screen_records_project_1
            set epoch = greatest(epoch, $7) + 1, token = $2, owner = $3, owner_url = $4, identity = $6,
                lease_until = clock_timestamp() + $5 * interval '1 second'
            where name = $1 and not {IS_LED}
            returning epoch, token, base, first, appended, next"
        );
        let token: i64 = rand::random();
        let lease = claim.lease.as_secs_f64();
        let parameters = [
            name,
            (&token as _, Type::INT8),
            (&claim.id as _, Type::TEXT),
            (&claim.url as _, Type::TEXT),
            (&lease as _, Type::FLOAT8),
            (&identity as _, Type::TEXT),
            (&above as _, Type::INT8),
        ];
        let rows = self.query(limit, &statement, &parameters).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (project, position) = (project.to_owned(), self.position(row)?);
        // A rewrite that begins where the log ends has the state of the log, and a follower that has it skips the rewrite.
        // One by a replica that knows another state must not begin there.
        let rewrites_from = known.map_or(0, |known| known.next.max(position.next) + 1);
        let lease = claim.lease;
        Ok(Some(Leadership { project, lease, position, is_in_doubt: false, rewrites_from }))
    }

    /// Extends the leases of these projects, of the same replica. Returns the projects that it still leads.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: it leads them as long as their leases last.
    pub async fn extend(
        &self,
        led: &[LeadershipKey],
        limit: Duration,
    ) -> Result<Vec<Extended>, DatabaseError> {
        let Some(lease) = led.first().map(|one| one.lease.as_secs_f64()) else {
            return Ok(Vec::new());
        };
        let statement = format!(
            "with held as ({HELD})
            update screen_records_project_1 as project
            set lease_until = clock_timestamp() + $4 * interval '1 second'
            from held where project.name = held.name
            returning project.name, project.wanted_at is not null as wanted"
        );
        let LeadershipColumns { names, epochs, tokens } = columns(led);
        let parameters = [
            (&names as _, Type::TEXT_ARRAY),
            (&epochs as _, Type::INT8_ARRAY),
            (&tokens as _, Type::INT8_ARRAY),
            (&lease as _, Type::FLOAT8),
        ];
        let rows = self.query(limit, &statement, &parameters).await?;
        let extended = |row| {
            let (project, is_poll_wanted) =
                (self.column(row, "name")?, self.column(row, "wanted")?);
            Ok(Extended { project, is_poll_wanted })
        };
        rows.iter().map(extended).collect()
    }

    /// Ends the leases of these projects, so that other replicas can lead them at once. An append or an extension that
    /// arrives later changes nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`]: the leases end by themselves.
    pub async fn release(
        &self,
        led: &[LeadershipKey],
        limit: Duration,
    ) -> Result<(), DatabaseError> {
        if led.is_empty() {
            return Ok(());
        }
        // Without an owner, the leadership is over, although the end of the log still has its epoch and token: by these,
        // replicas recognize the end.
        let statement = format!(
            "with held as ({HELD})
            update screen_records_project_1 as project
            set lease_until = least(lease_until, clock_timestamp()), owner = ''
            from held where project.name = held.name"
        );
        let LeadershipColumns { names, epochs, tokens } = columns(led);
        let parameters = [
            (&names as _, Type::TEXT_ARRAY),
            (&epochs as _, Type::INT8_ARRAY),
            (&tokens as _, Type::INT8_ARRAY),
        ];
        self.query(limit, &statement, &parameters).await.map(drop)
    }
}

/// Selects the names of those leaderships that are not over. Locks their rows in an order that is the same everywhere, so
/// that statements about many projects do not wait for each other in a circle.
const HELD: &str = "
    select project.name from screen_records_project_1 as project
    join unnest($1, $2, $3) as led (name, epoch, token)
        on project.name = led.name and project.epoch = led.epoch and project.token = led.token
    where project.owner <> ''
    order by project.name
    for update of project";

/// Leaderships as parameters of [`HELD`].
struct LeadershipColumns<'a> {
    names: Vec<&'a str>,
    epochs: Vec<i64>,
    tokens: Vec<i64>,
}

fn columns(led: &[LeadershipKey]) -> LeadershipColumns<'_> {
    LeadershipColumns {
        names: led.iter().map(LeadershipKey::project).collect(),
        epochs: led.iter().map(|one| one.epoch).collect(),
        tokens: led.iter().map(|one| one.token).collect(),
    }
}
