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
mod desktops;
mod failures;
mod guard;
mod health_client;
mod host;
mod links;
mod listener;
mod lists;
mod negotiate;
mod page;
mod parameters;
mod probe_target;
mod records;
mod refresh;
mod reload_handle;
mod routes;
mod scrape;
mod service_discovery;
mod slots;
mod web_config;

pub use app_state::WebOptions;
pub use connections::Connections;
pub use current::{Current, Serving};
pub use health_client::HealthClient;
pub use links::Links;
pub use listener::serve_all;
pub use reload_handle::{ReloadHandle, ReloadRequests};
pub use routes::{HEALTHY_PATH, router};
pub use web_config::WebConfig;
