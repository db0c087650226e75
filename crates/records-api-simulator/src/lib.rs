//! A simulator of the upstream records API in one process, for the demo, tests and benchmarks.
//!
//! It is written from the documents of the API (its reference and its SDKs), never from the
//! client's code, so the two can disagree. The same seed and options give the same history. The
//! list, a single record and the truth always agree. Nothing changes unless `--live` or an edit
//! changes it. Where the documents are ambiguous, a [`Dialect`] has an option; where the service
//! can fail, a [`Fault`] makes it fail.
//!
//! IAM and the metadata service are served by the same listener. If any credential is configured,
//! the records API requires one and verifies signatures ([`Access`]).
//!
//! The simulator does not compress answers (except for a fault), does not speak TLS, and keeps
//! nothing between runs.
//!
//! A tour of the crate: [`Simulator`] is the handle. `api` has the endpoints, `wire` requests and
//! answers, `access` the credentials, `faults` what goes wrong, `dialect` the readings of the
//! documents, `world` the records and their changes, `truth` what a correct client must find.

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
    truth::{
        BucketSums, DesktopRecords, Failure, Oldest, PolicySums, PoolDesktops, PoolFlow, PoolSums,
        Sums, Truth, UploadFlow, UserFlow, UserSums,
    },
    wire::{
        encoding::Encoding,
        error::{ErrorShape, RetryAfter},
        huge_body::HugeContent,
        request::Endpoint,
    },
    world::{
        World,
        directory::Directory,
        flows::{Flow, Flows, PoolCell, Uploaded, UserCell},
        record::{Kind, Record, Status},
    },
};
