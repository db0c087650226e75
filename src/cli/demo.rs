//! `demo`: the exporter for a simulated records API in this process.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::config::{Auth, Filter, PollMode, Project, Token};
use crate::http::{self, Current, Links};
use records_api::clock::{Clock, SystemClock};
use records_api::secret::{Secret, Source};
use records_api_simulator::{self as simulator, Options, Simulator};

use super::answer::answer;
use super::arguments::ServeFlags;
use super::load::load_flags;
use crate::app::{
    App, ConnectionLimit, Failure, listen, listen_on, raise_open_files_limit, shutdown_signal,
    unless_shutdown, web_config, web_options,
};

const DEMO_RECORDS: usize = 20_000;
/// Changes per second: enough to see values change between two scrapes.
const DEMO_LIVE: f64 = 5.0;
/// The default of 30 s is long to wait for a change in a demo.
const DEMO_INTERVAL: Duration = Duration::from_secs(5);

/// Serves metrics for a simulated API with live changes.
pub(super) async fn run(flags: &ServeFlags) -> Result<(), Failure> {
    let mut config = load_flags(flags)?;
    let shutdown = shutdown_signal()?;
    let web = web_config(&config)?;
    let api = listen_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "--listen")?;
    let api_address = api.local_addr().map_err(Failure::run)?;
    // The standard library's random keys are random enough for a demo.
    let chance = RandomState::new();
    let token = format!("demo-{:016x}", chance.hash_one("token"));
    let options = Options {
        records: DEMO_RECORDS,
        live: DEMO_LIVE,
        seed: chance.hash_one("seed"),
        token: Some(token.clone()),
        ..Options::default()
    };
    config.poll.min_interval = DEMO_INTERVAL;
    // The pages show changes although nobody scrapes.
    config.poll.mode = PollMode::Background;
    config.state.directory = PathBuf::new();
    config.projects = vec![demo_project(api_address, token)?];
    let listeners = listen(&config.web.listen_addresses)?;
    let address = listeners[0].local_addr().map_err(Failure::run)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let simulator = Simulator::new(&options, || SystemClock.now_millis());
    let simulation = tokio::spawn(simulator::run(api, simulator, shutdown.clone()));
    let options = web_options(&config);
    let text = announcement(&format!("{}://{address}", web.scheme()), &options.links, api_address);
    let descriptors = raise_open_files_limit();
    let app = App::new(config)?;
    let connections = ConnectionLimit::new(descriptors, &app).connections().clone();
    app.start();
    if unless_shutdown(&shutdown, move || answer(text)).await?.is_none() {
        return Ok(());
    }
    let router = http::router(Current::new(app.served()), clock, options, web.clone(), None);
    let stopped = async {
        shutdown.cancelled().await;
        app.stop().await;
    };
    tokio::join!(http::serve_all(listeners, router, web, connections, shutdown.clone()), stopped);
    simulation.await.map_err(Failure::run)?.map_err(Failure::run)
}

/// Returns what the demo prints: the URLs to open.
fn announcement(server: &str, links: &Links, api: SocketAddr) -> String {
    let mut text = format!(
        "Serving metrics for a simulated records API with {DEMO_RECORDS} recordings, which start, \
         upload and fail all the time.\n\n"
    );
    for (name, url) in [
        ("projects", format!("{server}{}", links.route("/"))),
        ("failures", format!("{server}{}", links.route("/failures"))),
        ("desktops", format!("{server}{}", links.route("/desktops"))),
        ("runbook", format!("{server}{}", links.route("/runbook"))),
        ("metrics", format!("{server}{}", links.metrics_route())),
        ("true data", format!("http://{api}/simulator/truth")),
    ] {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {name:<10} {url}");
    }
    text.push_str(
        "\nDashboards for Grafana: dashboards/screen-records.json and \
         dashboards/screen-records-exporter.json.\nexamples/monitoring adds Prometheus, Alertmanager and \
         Grafana.\n\nStop it with Ctrl-C.\n",
    );
    text
}

fn demo_project(api: SocketAddr, token: String) -> Result<Project, Failure> {
    Ok(Project {
        name: "demo".to_owned(),
        project_id: "demo".to_owned(),
        region: None,
        endpoint: Url::parse(&format!("http://{api}")).map_err(Failure::run)?,
        insecure_http: false,
        pool_names: true,
        auth: Auth::Token(Token { token: Source::Value(Secret::from(token)) }),
        filter: Filter::default(),
        labels: Vec::new(),
    })
}
