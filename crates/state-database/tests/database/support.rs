//! Helpers of the tests.

use std::sync::Arc;
use std::time::Duration;

use postgresql_server::{Proxy, Server};
use state_database::{Address, Claim, Database, LogState};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// Time until the next poll, for tests that do not depend on it.
pub(super) const DUE_IN: Duration = Duration::from_secs(30);

pub(super) fn tls() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

pub(super) fn url(port: u16) -> String {
    format!("postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
}

pub(super) fn database(port: u16) -> Database {
    Database::new(Address::parse(&url(port)).unwrap(), tls())
}

/// A database that listens, and what it hears.
pub(super) fn listening(port: u16) -> (Database, UnboundedReceiver<String>) {
    let (sender, heard) = unbounded_channel();
    (Database::listening(Address::parse(&url(port)).unwrap(), tls(), sender), heard)
}

/// A server with tables, a database that reaches it directly, and one behind a proxy.
pub(super) async fn behind_proxy() -> (Server, Database, Proxy, Database) {
    let server = Server::start().await;
    let direct = database(server.port);
    direct.create_tables().await.unwrap();
    let proxy = Proxy::start(server.port).await;
    let database = database(proxy.port);
    (server, direct, proxy, database)
}

pub(super) fn claim(id: &str, lease: Duration) -> Claim {
    Claim { id: id.to_owned(), url: format!("http://{id}"), lease }
}

pub(super) async fn state(database: &Database) -> LogState {
    database.states(&["p".to_owned()], LIMIT).await.unwrap().remove(0)
}

pub(super) async fn frames(database: &Database) -> Vec<Vec<u8>> {
    let (to, mut frames) = (state(database).await.position, Vec::new());
    let take = |frame: &[u8]| {
        frames.push(frame.to_vec());
        Ok(())
    };
    database.read("p", 0, to, LIMIT, take).await.unwrap();
    frames
}

pub(super) fn numbered(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(|number| number.to_be_bytes().to_vec()).collect()
}

/// Opens a connection of the owner.
pub(super) async fn client(server: &Server) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(&url(server.port), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits until a query returns a row.
pub(super) async fn wait_for(server: &Server, query: &str) {
    let client = client(server).await;
    for _ in 0..200 {
        if !client.query(query, &[]).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{query} returns nothing");
}

/// Returns the database as another user sees it.
pub(super) fn database_of(server: &Server, user: &str) -> Database {
    let url = url(server.port).replace("postgres@", &format!("{user}@"));
    Database::new(Address::parse(&url).unwrap(), tls())
}
