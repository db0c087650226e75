//! `serve`: serves metrics for the projects in the config.

use std::sync::Arc;

use super::arguments::ServeFlags;
use super::load::{load_from, read, sources};
use crate::app::{
    App, ConnectionLimit, Failure, Reloader, listeners, raise_open_files_limit, ready,
    shutdown_signal, web_config, web_options,
};
use crate::http::{self, Current, ReloadHandle};
use records_api::clock::SystemClock;

pub(super) async fn run(flags: &ServeFlags) -> Result<(), Failure> {
    // A reload reads the same sources: a file that appears or disappears does not replace the environment.
    let sources = sources(flags)?;
    let config = load_from(&sources)?;
    let shutdown = shutdown_signal()?;
    let web = web_config(&config)?;
    let listeners = listeners(&config.web.listen_addresses).await?;
    let options = web_options(&config);
    for listener in &listeners {
        let address = listener.local_addr().map_err(Failure::run)?;
        let path = options.links.metrics_route();
        let (scheme, version) = (web.scheme(), env!("CARGO_PKG_VERSION"));
        tracing::info!(%address, scheme, path, version, "serving");
    }
    let descriptors = raise_open_files_limit();
    let app = App::new(config)?;
    let limit = ConnectionLimit::new(descriptors, &app);
    let connections = limit.connections().clone();
    app.start();
    let live = Current::new(app.served());
    let (reloads, asked) = ReloadHandle::new();
    let reloader = Reloader::new(move || read(&sources), app, limit, live.clone(), asked)?;
    tokio::spawn(reloader.run(shutdown.clone()));
    let clock = Arc::new(SystemClock);
    let router = http::router(live, clock, options, web.clone(), Some(reloads));
    ready();
    http::serve_all(listeners, router, web, connections, shutdown).await;
    Ok(())
}
