//! Client of the screen recording API of Huawei Cloud Workspace.
//!
//! A request returns one page of records, or an error that names the problem and a remedy. The
//! client handles authentication, retries, limits of rate, concurrency, size and time, and all
//! shapes in which the API reports errors. It knows nothing of polls, metrics and config.
//!
//! * [`Client`] requests pages; [`wire`] parses them to the types in [`record`].
//! * [`Auth`] lists the methods of authentication; [`secret`] and [`profile`] read credentials.
//! * [`clock`] and [`mod@file`] access the time and the files of the machine.

mod blocking;
mod call;
mod client;
pub mod clock;
mod credentials;
mod endpoint;
mod error;
pub mod file;
mod log_throttle;
pub mod record;
pub mod secret;
mod sign_in;
pub mod wire;

pub use blocking::{Panicked, run_blocking};
pub use call::{
    CredentialBackoff, HttpTransport, Limits, MemoryBudget, Observer, PageLimit, PageSizeChange,
    ReadLimit, Refusal, RefusalStore, Response, Transport, TransportError, Trust,
};
pub use client::{
    Client, Listed, MAX_POOLS, PageSizing, RecordsFilter, RecordsQuery, SortOrder, Target,
    hashed_identity,
};
pub use credentials::Fingerprint;
pub use endpoint::Endpoint;
pub use error::{ApiError, Cause, CertificateProblem, ProxyProblem, THROTTLED_REMEDY};
pub use log_throttle::LogThrottle;
pub use sign_in::{Agency, Auth, IamUser, SignIn, profile};
pub use wire::DesktopPool;
