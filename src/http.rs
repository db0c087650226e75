//! HTTP server: listener, routes, access control, deadlines and pages.
//!
//! Serves what the collector provides; does not know about polls or the API.

mod accept_errors;
mod answer;
mod app_state;
mod client_address;
mod connections;
mod current;
mod deadline;
mod failures;
mod guard;
mod listener;
mod negotiate;
mod page;
mod routes;
mod scrape;
mod service_discovery;
mod slots;
mod web_config;

pub use app_state::WebOptions;
pub use connections::Connections;
pub use current::{Current, ReloadHandle, ReloadRequest, Serving};
pub use listener::serve_all;
pub use routes::router;
pub use web_config::WebConfig;
