//! Databases with several hosts, of which one accepts writes.

use std::time::Duration;

use postgresql_server::{Proxy, Server};
use state_database::{Address, Database, DatabaseError};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::support::{LIMIT, claim, database, tls, url};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_host_that_accepts_writes_is_used() {
    let mut primary = Server::start().await;
    let standby = Server::standby_of(&primary).await;
    let (_silent, silent) = silent().await;
    let several = hosts(&[silent, standby.port, primary.port]);
    several.create_tables().await.unwrap();
    several.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();

    primary.stop();
    let error = hosts(&[standby.port, primary.port]).states(&[], LIMIT).await.unwrap_err();
    let why = format!("127.0.0.1:{}: the database does not allow writes; ", standby.port);
    assert!(error.to_string().contains(&why), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert!(error.remedy().contains("standby"), "{}", error.remedy());
    standby.promote().await;
    let until = Instant::now() + LIMIT;
    while several.salt(LIMIT).await.is_err() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    several.salt(LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_begins_to_refuse_writes_is_left() {
    let (one, other) = (Server::start().await, Server::start().await);
    for server in [&one, &other] {
        database(server.port).create_tables().await.unwrap();
    }
    let (of_one, of_other) = (database(one.port), database(other.port));
    let salts = (of_one.salt(LIMIT).await.unwrap(), of_other.salt(LIMIT).await.unwrap());
    let several = hosts(&[one.port, other.port]);
    assert_eq!(several.salt(LIMIT).await.unwrap(), salts.0);
    one.execute("alter system set default_transaction_read_only = on").await;
    one.execute("select pg_reload_conf()").await;
    // The setting takes a moment to arrive.
    let until = Instant::now() + LIMIT;
    let error = loop {
        assert!(Instant::now() < until);
        if let Err(error) = several.leave("a", LIMIT).await {
            break error;
        }
    };
    assert!(error.remedy().contains("default_transaction_read_only"), "{}", error.remedy());
    assert_eq!(several.salt(LIMIT).await.unwrap(), salts.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_writes_can_be_read_if_the_url_says_so() {
    let server = Server::start().await;
    database(server.port).create_tables().await.unwrap();
    server.execute("alter role postgres set default_transaction_read_only = on").await;
    let error = database(server.port).states(&[], LIMIT).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect to the database 127.0.0.1/postgres: the database does not allow writes"
    );
    assert!(error.remedy().contains("default_transaction_read_only"), "{}", error.remedy());

    let any = url(server.port) + "&target_session_attrs=any";
    let reader = Database::new(Address::parse(&any).unwrap(), tls());
    reader.states(&[], LIMIT).await.unwrap();
    let error = reader.salt(LIMIT).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Refused { .. }), "{error}");
    assert!(error.remedy().contains("default_transaction_read_only"), "{}", error.remedy());
    let reset = "begin read write; alter role postgres reset default_transaction_read_only; commit";
    server.execute(reset).await;
    let salt = database(server.port).salt(LIMIT).await.unwrap();
    server.execute("alter role postgres set default_transaction_read_only = on").await;
    assert_eq!(reader.salt(LIMIT).await.unwrap(), salt);
}
