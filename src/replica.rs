//! Projects whose state is in a database that replicas share.
//!
//! One replica leads each project: it polls and appends its commits to the project's log. All replicas apply
//! the log, so each serves every project. Before an answer a replica asks the database for the ends of
//! the logs, and applies what it does not have yet.

mod catch_up;
mod election;
mod identity;
mod leading_log;
mod member;
mod new_log;
mod refresh;
mod relation;
mod restore;
mod share;

pub use catch_up::read_log;
pub use identity::Identity;
pub use member::Member;
pub use new_log::NewLog;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::instruments::Instruments;
use crate::project::Project;
use records_api::{LogThrottle, run_blocking};
use state_database::{Address, Claim, Database, LeadershipKey, Replica, random_id};

/// Time limit of a statement that no answer waits for.
const STATEMENT_LIMIT: Duration = Duration::from_secs(3);
/// Maximum number of logs that are read at the same time. Each takes memory and a thread.
const MAX_CONCURRENT_READS: usize = 4;

/// The replicas that share the projects of a config, seen from this one.
#[derive(Debug)]
pub struct Replicas {
    /// For tasks that outlive the answer that started them.
    this: Weak<Self>,
    /// Connection for commits, and for reading logs.
    log: Arc<Database>,
    /// Connection for leases, and for the questions before answers.
    leases: Arc<Database>,
    claim: Claim,
    /// Name of this replica for people.
    name: String,
    instruments: Arc<Instruments>,
    members: RwLock<Vec<Arc<Member>>>,
    /// Held while a log is read.
    reads: Semaphore,
    /// The replicas that have shown themselves lately.
    live: Mutex<Vec<Replica>>,
    /// Wakes the task when a leadership was lost.
    wake: Arc<Notify>,
    /// Names of projects of which other replicas want polls.
    wanted: tokio::sync::Mutex<UnboundedReceiver<String>>,
    read_address: Arc<AddressReader>,
    /// Leaderships of projects that the config does not have any more.
    abandoned: Mutex<Vec<LeadershipKey>>,
    /// Set when the tables exist.
    is_prepared: Mutex<bool>,
    asked_for_known_ends: Mutex<Option<Instant>>,
    log_throttle: Mutex<LogThrottle>,
}

/// The two connections of a process to the database, which are opened when they are used.
#[derive(Debug)]
pub struct Connections {
    /// For commits, and for reading logs.
    pub log: Arc<Database>,
    /// For leases, and for the questions before answers. A long rewrite does not hold them up.
    pub leases: Arc<Database>,
    /// Names of projects of which other replicas want polls.
    wanted: UnboundedReceiver<String>,
    read_address: AddressReader,
}

/// Reads the address of the database. Blocks the thread.
struct AddressReader(Box<dyn Fn() -> Option<Address> + Send + Sync>);

impl fmt::Debug for AddressReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AddressReader")
    }
}

impl Connections {
    /// Creates the connections to a database. `read_address` reads its address again, because its password
    /// may change.
    #[must_use]
    pub fn reading_again(
        self,
        read_address: impl Fn() -> Option<Address> + Send + Sync + 'static,
    ) -> Self {
        Self { read_address: AddressReader(Box::new(read_address)), ..self }
    }

    /// Creates the connections to a database.
    pub fn new(address: &Address, tls: &Arc<rustls::ClientConfig>) -> Self {
        let (sender, wanted) = unbounded_channel();
        Self {
            log: Arc::new(Database::new(address.clone(), tls.clone())),
            leases: Arc::new(Database::listening(address.clone(), tls.clone(), sender)),
            wanted,
            read_address: AddressReader(Box::new(|| None)),
        }
    }
}

/// Options of a replica.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    /// Name for people.
    pub name: String,
    /// URL of its pages; empty if it has none.
    pub url: String,
    /// Time after which another replica may lead.
    pub lease: Duration,
}

impl Replicas {
    /// Creates the replicas that share a database. Nothing is connected yet.
    pub fn new(
        connections: Connections,
        options: ReplicaOptions,
        instruments: Arc<Instruments>,
    ) -> Arc<Self> {
        let ReplicaOptions { name, url, lease } = options;
        let Connections { log, leases, wanted, read_address } = connections;
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            log,
            leases,
            claim: Claim { id: random_id(), url, lease },
            wanted: tokio::sync::Mutex::new(wanted),
            read_address: Arc::new(read_address),
            name,
            instruments,
            members: RwLock::default(),
            reads: Semaphore::new(MAX_CONCURRENT_READS),
            live: Mutex::default(),
            wake: Arc::default(),
            abandoned: Mutex::default(),
            is_prepared: Mutex::default(),
            asked_for_known_ends: Mutex::default(),
            log_throttle: Mutex::default(),
        })
    }

    /// Shares these projects from now on.
    pub fn share(&self, projects: Vec<(Arc<Project>, Identity)>) {
        let mut members = self.members.write();
        let mut known = std::mem::take(&mut *members);
        for (project, identity) in projects {
            let is_same = |member: &Arc<Member>| Arc::ptr_eq(member.project(), &project);
            let member = match known.iter().position(is_same) {
                Some(position) => known.swap_remove(position),
                None => Arc::new(Member::new(project)),
            };
            member.set_identity(identity);
            if !member.project().is_open() {
                self.instruments.replicas().project(member.name(), false, 0, 0);
            }
            members.push(member);
        }
        let abandoned = known.iter().filter_map(|member| member.take_led());
        self.abandoned.lock().extend(abandoned.map(|led| led.key));
    }

    /// Reads the address again after the database could not be used.
    async fn read_address(&self) {
        let reader = self.read_address.clone();
        if let Ok(Some(address)) = run_blocking(move || (reader.0)()).await {
            self.log.set_address(address.clone());
            self.leases.set_address(address);
        }
    }

    fn members(&self) -> Vec<Arc<Member>> {
        self.members.read().clone()
    }

    /// Ends this replica: releases its leases, so that others lead at once. Its projects must have stopped.
    pub async fn leave(&self, limit: Duration) {
        let led = self.members().into_iter().filter_map(|member| member.take_led());
        let keys: Vec<_> = led.map(|led| led.key).collect();
        let _ = self.leases.release(&keys, limit).await;
        let _ = self.leases.leave(&self.claim.id, limit).await;
    }
}
