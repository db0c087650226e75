//! The records API: one request for one page, and everything that makes it dependable.
//!
//! Authentication, retries, rate and concurrency limits, size and time limits, and every shape in
//! which the API reports an error. What it returns is complete and valid, or an error that says
//! what came and what to do. It does not know what a poll is.
//!
//! The domain types are in [`record`]; [`wire`] reads them from a page. [`secret`] and [`profile`]
//! hold credentials; [`clock`] and [`mod@file`] are what the crate needs of the machine.

mod auth;
mod caller;
mod cause;
mod client;
pub mod clock;
mod credentials;
mod echo;
mod endpoint;
mod error;
pub mod file;
mod gate;
mod limits;
mod observer;
mod page_size;
mod pools;
pub mod profile;
mod query;
pub mod record;
mod refusals;
pub mod secret;
mod signature;
mod throttle;
mod transport;
pub mod wire;

pub use auth::{Agency, Auth, IamUser, SignIn};
pub use cause::Cause;
pub use client::{Client, Listed, Target};
pub use endpoint::Endpoint;
pub use error::ApiError;
pub use limits::Limits;
pub use observer::{Observer, Unobserved};
pub use pools::DesktopPool;
pub use query::{RecordsFilter, RecordsQuery, SortOrder};
pub use refusals::Refusals;
pub use transport::{Answer, HttpTransport, Transport, TransportError};
