//! Logs of commits in a PostgreSQL database, one for each project, that replicas share.
//!
//! A replica *leads* a project while it holds a lease on the database's clock. Only the leader appends to the
//! project's log: each append is conditional on the leader's epoch and on the end of the log, so that a replica that was
//! paused, cut off or slow cannot write any more once another one leads. Every replica reads the log.
//!
//! The log consists of *frames*, numbered in the order in which they were written. Numbers are never used twice. A
//! rewrite replaces all frames by new ones under another *base*.
//!
//! Beside the logs, replicas share who they are and which credentials the API refused.
//!
//! Only plain SQL is used, each change is one statement, and nothing that matters is kept in a session, so that
//! managed databases and pgbouncer in transaction mode work. Notifications, with which a replica asks the leader for a
//! poll, only save time.

mod address;
mod append;
mod connection;
mod error;
mod hosts;
mod known;
mod lead;
mod log;
mod position;
mod refusals;
mod remedy;
mod replicas;
mod rewrite;
mod schema;
mod session;
mod tls;
mod wanted;

pub use address::{Address, AddressError};
pub use append::WriteError;
pub use connection::Database;
pub use error::DatabaseError;
pub use known::KnownEnd;
pub use lead::{Claim, Extended, Leadership, LeadershipKey, random_id};
pub use log::ReadError;
pub use position::{Leader, LogPosition, LogState};
pub use replicas::Replica;
pub use tls::{TlsError, tls_config};

/// Format of the tables, which is part of their names.
pub const FORMAT: u32 = 1;
