//! `serve`: serves metrics for the projects in the config.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::arguments::ServeFlags;
use super::load::{load_from, read, sources};
use crate::app::{
    App, ConnectionLimit, Failure, Reloader, hangup_signal, listeners, raise_open_files_limit,
    ready, shutdown_signal, unless_shutdown, web_config, web_options,
};
use crate::http::{self, Current, ReloadHandle};
use records_api::clock::SystemClock;

/// Time for the exporter to stop. The process must end within 5 s of SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(3);

pub(super) async fn run(flags: &ServeFlags) -> Result<(), Failure> {
    // First of all: until they are received, signals end the process at once.
    let (shutdown, hangup) = (shutdown_signal()?, hangup_signal()?);
    // A reload reads the same sources: a file that appears or disappears does not replace the environment.
    let sources = sources(flags)?;
    let of_start = sources.clone();
    let configs = unless_shutdown(&shutdown, move || {
        let config = load_from(&of_start)?;
        web_config(&config).map(|web| (config, web))
    });
    let Some((config, web)) = configs.await? else { return Ok(()) };
    // Before the states are opened, so that a port in use shows at once. Clients wait until then.
    let listeners = listeners(&config.web.listen_addresses)?;
    let options = web_options(&config);
    let descriptors = raise_open_files_limit();
    let app = unless_shutdown(&shutdown, move || App::new(config)).await?;
    let Some(app) = app else { return Ok(()) };
    let limit = ConnectionLimit::new(descriptors, &app);
    let connections = limit.connections().clone();
    app.start();
    let live = Current::new(app.served());
    let (reloads, requests) = ReloadHandle::new();
    let load = move || read(&sources);
    let reloader = Reloader::new(load, app, limit, live.clone(), requests, hangup);
    let reloader = tokio::spawn(reloader.run(shutdown.clone()));
    let clock = Arc::new(SystemClock);
    let metrics_path = options.links.metrics_route();
    let router = http::router(live, clock, options, web.clone(), Some(reloads));
    for listener in &listeners {
        let address = listener.local_addr().map_err(Failure::run)?;
        let (path, scheme, version) = (&metrics_path, web.scheme(), env!("CARGO_PKG_VERSION"));
        tracing::info!(%address, scheme, path, version, "serving");
    }
    ready();
    let stopped = async {
        shutdown.cancelled().await;
        // A panic there is logged. A reload that hangs does not keep the process from ending.
        let _ = timeout(STOP_LIMIT, reloader).await;
    };
    tokio::join!(http::serve_all(listeners, router, web, connections, shutdown.clone()), stopped);
    Ok(())
}
