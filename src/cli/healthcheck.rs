//! `healthcheck`: asks the process that this config starts whether it serves, for images without a shell.
//!
//! Nothing is logged, no state is opened, and no request is made to the API. Of the config, only the section
//! `web` is read, so that the secrets of projects need not be readable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::timeout;

use super::arguments::ServeFlags;
use super::load::sources;
use crate::app::{Failure, links};
use crate::config::{ListenAddress, Web};
use crate::http::{HEALTHY_PATH, HealthClient};

/// Time for an answer, including the connection.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Succeeds if the process answers on one of its addresses.
pub(super) async fn run(flags: &ServeFlags) -> Result<(), Failure> {
    let web = Web::load(&sources(flags)?).map_err(|error| Failure::Usage(error.to_string()))?;
    let client = HealthClient::new(web.config_file.is_some()).map_err(Failure::run)?;
    let path = links(&web).route(HEALTHY_PATH);
    let addresses = web.listen_addresses.iter().map(reachable);
    let answers = addresses.map(|address| ask(&client, address, &path));
    let mut answers: FuturesUnordered<_> = answers.collect();
    let mut failures = Vec::new();
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(()) => return Ok(()),
            Err(failure) => failures.push(failure),
        }
    }
    let remedy = "check that the exporter runs with this config, and read its log";
    Err(Failure::run(format!("{}; {remedy}", failures.join("; "))))
}

async fn ask(client: &HealthClient, address: SocketAddr, path: &str) -> Result<(), String> {
    let answer = if address.port() == 0 {
        Err("the system chooses the port at the start, so it is not known here".to_owned())
    } else {
        let answer = timeout(TIME_LIMIT, client.ask(address, path)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", TIME_LIMIT.as_secs())))
    };
    answer.map_err(|what| format!("{address}{path}: {what}"))
}

/// Returns the address at which this machine reaches a listener.
fn reachable(address: &ListenAddress) -> SocketAddr {
    match *address {
        ListenAddress::Port(port) => (Ipv4Addr::LOCALHOST, port).into(),
        ListenAddress::Socket(address) => {
            let host = match address.ip() {
                IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                host => host,
            };
            (host, address.port()).into()
        }
    }
}
