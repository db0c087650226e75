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
mod api;
mod dialect;
mod digits;
mod faults;
mod mix;
mod options;
mod simulator;
#[cfg(test)]
mod tests;
mod time;
mod truth;
mod wire;
mod world;

pub use self::{
    access::{Access, AccessOptions, Credential, ImdsVersion, Lock},
    api::run,
    dialect::{
        DefaultOrder, Dialect, EndBound, MissingValue, OverLimit, SortSupport, StartBound,
        StatusFilter, Ties, TimeFormat, TotalCount, Vocabulary,
    },
    faults::{
        Fault, FaultKind, NestingPosition, StatusFault, ThrottleWindow,
        echo::EchoEncoding,
        rows::{RowDefect, RowFault},
        unrequested::{UnrequestedReason, UnrequestedRows},
    },
    options::Options,
    simulator::{
        Simulator,
        hooks::HookContext,
        request_log::{LoggedRequest, Requests},
    },
    truth::{Failure, Oldest, PoolFlow, PoolSums, Sums, Truth, UserFlow, UserSums},
    wire::{
        encoding::Encoding,
        error::{ErrorShape, RetryAfter},
        huge_body::HugeContent,
        request::Endpoint,
    },
    world::{
        World,
        directory::Directory,
        flows::{Flow, Flows, PoolCell, UserCell},
        record::{Kind, Record, Status},
    },
};
