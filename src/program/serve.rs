//! `serve`: metrics for the projects of the config.

use std::net::SocketAddr;
use std::sync::Arc;

use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::reload::Reloader;
use super::wiring::{self, Parts};
use super::{Cli, Failure};
use crate::config::Config;
use crate::http::{self, Current, ReloadHandle};
use records_api::clock::SystemClock;

pub(super) async fn run(
    cli: Cli,
    config: Config,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let web = wiring::web_config(&config)?;
    let listeners = listeners(&config.web.listen_addresses).await?;
    for listener in &listeners {
        let address = listener.local_addr().map_err(Failure::run)?;
        let path = &config.web.telemetry_path;
        let (scheme, version) = (web.scheme(), env!("CARGO_PKG_VERSION"));
        tracing::info!(%address, scheme, path, version, "serving");
    }
    let options = wiring::web_options(&config);
    let parts = Parts::new(config)?;
    parts.begin();
    let live = Current::new(parts.served());
    let (reloads, asked) = ReloadHandle::new();
    let reloader = Reloader::new(cli, parts, live.clone(), asked)?;
    tokio::spawn(reloader.run(shutdown.clone()));
    let clock = Arc::new(SystemClock);
    let router = http::router(live, clock, options, web.clone(), Some(reloads));
    super::service_manager::ready();
    let served = http::serve_all(listeners, router, web, shutdown).await;
    served.map_err(Failure::run)
}

/// The sockets that a service manager hands over, or those of the config.
async fn listeners(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Failure> {
    let mut handed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for number in 0..handed.len() {
        let listener = handed.take_tcp_listener(number).ok().flatten().ok_or_else(|| {
            let remedy = "the socket unit must have ListenStream with an address and a port";
            Failure::run(format!("socket {number} of the service manager is no TCP one; {remedy}"))
        })?;
        listener.set_nonblocking(true).map_err(Failure::run)?;
        listeners.push(TcpListener::from_std(listener).map_err(Failure::run)?);
    }
    if listeners.is_empty() { bind(addresses).await } else { Ok(listeners) }
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
