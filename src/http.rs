//! HTTP server: listener, routes, access control, deadlines and pages.
//!
//! Serves what the collector provides; does not know about polls or the API.

mod app_state;
mod client_address;
mod current;
mod deadline;
mod failures;
mod guard;
mod listener;
mod negotiate;
mod page;
mod reload_handle;
mod routes;
mod scrape;
mod service_discovery;
mod web_config;

pub use app_state::WebOptions;
pub use current::{Current, Serving};
pub use listener::{serve, serve_all};
pub use reload_handle::{ReloadHandle, ReloadRequests};
pub use routes::router;
pub use web_config::WebConfig;
