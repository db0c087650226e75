//! `serve`: metrics for the projects of the config.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::collector::Collector;
use crate::config::{Config, PollMode};
use crate::http;

use super::{Failure, wiring};

pub(super) async fn run(config: Config, shutdown: CancellationToken) -> Result<(), Failure> {
    let web = wiring::web_config(&config)?;
    let listeners = bind(&config.web.listen_addresses).await?;
    for listener in &listeners {
        let address = listener.local_addr().map_err(Failure::run)?;
        let path = &config.web.telemetry_path;
        let (scheme, version) = (web.scheme(), env!("CARGO_PKG_VERSION"));
        tracing::info!(%address, scheme, path, version, "serving");
    }
    let collector = Arc::new(wiring::collector(&config)?);
    start_polls(&collector, config.poll.mode);
    let options = wiring::web_options(&config);
    let router = http::router(collector, Arc::new(SystemClock), options, web.clone());
    http::serve_all(listeners, router, web, shutdown).await.map_err(Failure::run)
}

/// Starts the first poll of each project, and all of them where time alone starts them.
pub(super) fn start_polls(collector: &Collector, mode: PollMode) {
    for project in collector.projects() {
        match mode {
            PollMode::Scrape => project.start_if_due(),
            PollMode::Background => {
                tokio::spawn(project.clone().poll_in_background());
            }
        }
    }
}

pub(super) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let remedy = "name another with --web.listen-address";
            Failure::run(format!("{address} cannot be listened on: {error}; {remedy}"))
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}
