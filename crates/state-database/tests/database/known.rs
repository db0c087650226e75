//! Ends of logs that replicas know, and that the database does not have any more.

use postgresql_server::Server;
use state_database::{KnownEnd, LogPosition};

use super::support::{DUE_IN, LIMIT, claim, database, frames, numbered, state};

fn known(project: &str, epoch: i64, next: i64) -> KnownEnd {
    KnownEnd { project: project.to_owned(), replica: "a".to_owned(), epoch, next }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_lost_while_a_replica_knows_a_later_end() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    let later = known("p", 7, 100);
    database.note_known_end(&later, led.position(), LIMIT).await.unwrap();
    assert!(state(&database).await.is_lost);
    server.execute("update screen_records_known_1 set seen = now() - interval '70 s'").await;
    assert!(!state(&database).await.is_lost);

    // Another replica writes the log again. A note about the log before comes too late.
    database.release(&[led.key()], LIMIT).await.unwrap();
    let end = LogPosition { epoch: 7, next: 100, ..LogPosition::default() };
    let claim = claim("b", LIMIT);
    let mut restored = database.lead_above("p", "i", &claim, end, LIMIT).await.unwrap().unwrap();
    let unfinished = restored.position();
    database.rewrite(&mut restored, numbered(0..3).into_iter(), LIMIT).await.unwrap();
    let position = restored.position();
    assert_eq!((position.epoch, position.first, position.next), (8, 101, 104));
    assert_eq!(frames(&database).await, numbered(0..3));
    for before in [led.position(), unfinished] {
        database.note_known_end(&later, before, LIMIT).await.unwrap();
        assert!(!state(&database).await.is_lost);
    }
    // One about the new log counts.
    database.note_known_end(&later, position, LIMIT).await.unwrap();
    assert!(state(&database).await.is_lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_log_does_not_begin_where_the_one_before_ends() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    database.append(&mut led, &numbered(0..7), DUE_IN, LIMIT).await.unwrap();
    let end = led.position().next;
    // With the same state, it does.
    database.rewrite(&mut led, numbered(0..2).into_iter(), LIMIT).await.unwrap();
    assert_eq!(led.position().first, end);
    database.release(&[led.key()], LIMIT).await.unwrap();
    let end = led.position().next;
    let known = LogPosition { next: 3, ..led.position() };
    let claim = claim("b", LIMIT);
    let mut led = database.lead_above("p", "i", &claim, known, LIMIT).await.unwrap().unwrap();
    database.rewrite(&mut led, numbered(5..6).into_iter(), LIMIT).await.unwrap();
    assert!(led.position().first > end, "{:?}", led.position());
}

#[tokio::test(flavor = "multi_thread")]
async fn known_ends_of_earlier_days_are_deleted() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    for project in ["p", "q"] {
        database
            .note_known_end(&known(project, 1, 1), LogPosition::default(), LIMIT)
            .await
            .unwrap();
    }
    server.execute("update screen_records_known_1 set seen = now() - interval '25 h'").await;
    database.note_known_end(&known("p", 1, 2), LogPosition::default(), LIMIT).await.unwrap();
    let rows = server.execute("select project, next from screen_records_known_1").await;
    assert_eq!(rows, "p|2");
    assert_eq!(database.known_ends(LIMIT).await.unwrap(), [known("p", 1, 2)]);
}
