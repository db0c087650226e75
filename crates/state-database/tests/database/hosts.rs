//! Databases with several hosts.

use std::time::Duration;

use postgresql_server::{Proxy, Server};
use state_database::{Address, Database, DatabaseError};
use tokio::net::TcpListener;

use super::support::{LIMIT, database, tls};

/// Returns a database with these ports on this machine.
fn hosts(ports: &[u16]) -> Database {
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("postgresql://postgres@{}/postgres?sslmode=disable", hosts.join(","));
    Database::new(Address::parse(&url).unwrap(), tls())
}

/// Accepts connections and never answers.
async fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_leaves_time_for_the_next_one() {
    let server = Server::start().await;
    database(server.port).create_tables().await.unwrap();
    let proxy = Proxy::start(server.port).await;
    let (_silent, silent) = silent().await;
    let database = hosts(&[silent, proxy.port]);
    database.states(&[], Duration::from_secs(4)).await.unwrap();
    // The next connection begins with the host that worked.
    proxy.lose_next_statement();
    let lost = database.states(&[], LIMIT).await.unwrap_err();
    assert!(matches!(lost, DatabaseError::Lost { .. }), "{lost}");
    database.states(&[], Duration::from_millis(900)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn short_limits_reach_every_host_in_turn() {
    let server = Server::start().await;
    database(server.port).create_tables().await.unwrap();
    let (_silent, silent) = silent().await;
    let database = hosts(&[silent, silent, server.port]);
    let short = Duration::from_millis(500);
    for _ in 0..2 {
        let error = database.states(&[], short).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Timeout { .. }), "{error}");
    }
    database.states(&[], short).await.unwrap();
}
