//! The records API: one request for one page, and everything that makes it dependable.
//!
//! Authentication, retries, rate and concurrency limits, size and time limits, and every shape in
//! which the API reports an error. What it returns is complete and valid, or an error that says
//! what came and what to do. It does not know what a poll is.
//!
//! The domain types are in [`record`]; [`wire`] reads them from a page. [`secret`] and [`profile`]
//! hold credentials; [`clock`] and [`mod@file`] are what the crate needs of the machine.

mod client;
pub mod clock;
mod endpoint;
mod error;
pub mod file;
pub mod record;
pub mod secret;
mod sign_in;
pub mod wire;

pub use client::{
    Client, HttpTransport, Limits, Listed, Observer, RecordsFilter, RecordsQuery, Response,
    SortOrder, Target, Transport, TransportError, Unobserved,
};
pub use endpoint::Endpoint;
pub use error::ApiError;
pub use sign_in::{Agency, Auth, Cause, CredentialBackoff, IamUser, SignIn, profile};
pub use wire::DesktopPool;
