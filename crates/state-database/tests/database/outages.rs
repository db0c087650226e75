//! Connections that are cut, and databases that do not answer.

use std::time::Duration;

use state_database::{DatabaseError, WriteError};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::server::Server;
use super::support::{DUE_IN, LIMIT, claim, database, frames, numbered};

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_does_not_wait_longer_because_another_one_connects() {
    // Accepts connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = database(listener.local_addr().unwrap().port());
    let short = Duration::from_millis(300);
    let patient = database.states(&[], LIMIT);
    let impatient = async {
        tokio::time::sleep(short).await;
        let start = Instant::now();
        let error = database.states(&[], short).await.unwrap_err();
        (error, start.elapsed())
    };
    let (error, took) = tokio::select! {
        _ = patient => panic!("nothing answers"),
        result = impatient => result,
    };
    assert!(matches!(error, DatabaseError::Timeout { .. }), "{error}");
    assert!(took < LIMIT / 2, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_used_again_after_it_was_away() {
    let mut server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    for round in 0..3 {
        database.append(&mut led, &numbered(round..round + 1), DUE_IN, LIMIT).await.unwrap();
        server.stop();
        let limit = Duration::from_millis(500);
        let error = database.states(&["p".to_owned()], limit).await.unwrap_err();
        assert!(!matches!(error, DatabaseError::Refused { .. }), "{error}");
        let start = Instant::now();
        let result = database.append(&mut led, &numbered(90..91), DUE_IN, limit).await;
        // Nothing could be sent, so the leadership can still be used.
        assert!(matches!(result, Err(WriteError::NotWritten(_))), "{result:?}");
        assert!(start.elapsed() < LIMIT);
        server.run().await;
    }
    assert_eq!(frames(&database).await, numbered(0..3));
    assert_eq!(database.extend(&[led.key()], LIMIT).await.unwrap().len(), 1);
}
