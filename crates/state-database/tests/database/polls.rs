//! Polls that are due or wanted.

use std::time::Duration;

use super::server::Server;
use super::support::{LIMIT, claim, database, numbered, state};

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_due_at_first_then_some_time_after_each_commit() {
    let server = Server::start().await;
    let (leader, follower) = (database(server.port), database(server.port));
    leader.create_tables().await.unwrap();
    let mut led = leader.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    assert!(state(&follower).await.is_poll_due);
    leader.append(&mut led, &numbered(0..1), LIMIT, LIMIT).await.unwrap();
    assert!(!state(&follower).await.is_poll_due);
    leader.append(&mut led, &numbered(1..2), Duration::ZERO, LIMIT).await.unwrap();
    assert!(state(&follower).await.is_poll_due);
    let short = Duration::from_millis(500);
    leader.append(&mut led, &numbered(2..3), short, LIMIT).await.unwrap();
    tokio::time::sleep(2 * short).await;
    assert!(state(&follower).await.is_poll_due);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_changes_nothing_about_the_next_poll() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    for (due_in, is_due) in [(Duration::ZERO, true), (LIMIT, false)] {
        database.append(&mut led, &numbered(0..1), due_in, LIMIT).await.unwrap();
        database.rewrite(&mut led, numbered(0..1).into_iter(), LIMIT).await.unwrap();
        assert_eq!(state(&database).await.is_poll_due, is_due);
    }
}
