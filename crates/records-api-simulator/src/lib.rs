//! The upstream records API in one process: for the demo, for tests and for benches.
//!
//! It is written from what is known of the API (its reference and its SDKs), never from this
//! crate's client, so that the two can disagree. It promises: the same seed and options give the
//! same history; a listing, one record and the truth agree at any moment; nothing changes unless
//! `--live` or an edit changes it. Where the documents leave something open there is a
//! [`Dialect`]; where the service can fail there is a [`Fault`].
//!
//! IAM and the metadata service stand on the same listener; where any credential is configured, the
//! records API asks for one, and verifies signatures ([`Access`]).
//!
//! It does not compress (but for a fault), speak TLS, or keep anything between runs.

mod access;
mod answer;
mod cast;
mod damage;
mod dialect;
mod echo;
mod encoding;
mod faults;
mod flood;
mod gateway;
mod help;
mod history;
mod hooks;
mod ledger;
mod life;
mod options;
mod outside;
mod query;
mod record;
mod refusal;
mod render;
mod request;
mod requests;
mod rows;
mod select;
mod service;
mod simulator;
#[cfg(test)]
mod tests;
mod timeline;
mod times;
mod truth;
mod words;
mod world;

pub use self::{
    access::{Access, AccessOptions, Asked, Credential, Imds, Lock},
    cast::Cast,
    dialect::{
        DefaultOrder, Dialect, EndBound, Nothing, Obeyed, OverLimit, StartBound, StatusFilter,
        Ties, Times, TotalCount, Vocabulary,
    },
    echo::Form,
    encoding::Encoding,
    faults::{Fault, FaultKind, Place, StatusFault, Window},
    flood::Filling,
    hooks::Turn,
    ledger::{Flow, Ledger, PoolCell, UserCell},
    options::Options,
    outside::{Outside, Why},
    record::{Kind, Record, Status},
    refusal::{RetryAfter, Shape},
    request::Endpoint,
    requests::Requests,
    rows::{RowFault, Spoil},
    service::run,
    simulator::Simulator,
    truth::{Failure, Oldest, PoolFlow, PoolSums, Sums, Truth, UserFlow, UserSums},
    world::World,
};
