//! The web side: routes, deadlines, limits, the landing page.
//!
//! Asks the collector and writes what it says; knows nothing of polls or of the API.

mod deadline;
mod failures;
mod guard;
mod listener;
mod live;
mod negotiate;
mod page;
mod routes;
mod web_config;

pub use listener::{serve, serve_all};
pub use live::{Asked, Live, Reloads, Served};
pub use routes::{WebOptions, router};
pub use web_config::{WebConfig, WebConfigError};
