//! The web side: routes, deadlines, limits, the landing page.
//!
//! Asks the collector and writes what it says; knows nothing of polls or of the API.

mod deadline;
mod failures;
mod listener;
mod negotiate;
mod page;
mod routes;

pub use listener::{serve, serve_all};
pub use routes::{WebOptions, router};
