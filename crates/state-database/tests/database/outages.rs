//! Connections that are cut, and databases that do not answer.

use std::time::Duration;

use postgresql_server::Server;
use state_database::{DatabaseError, WriteError};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::support::{
    DUE_IN, LIMIT, behind_proxy, claim, client, database, frames, numbered, state, wait_for,
};

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
async fn a_leadership_whose_outcome_is_unknown_cannot_be_used_again() {
    let (server, direct, proxy, database) = behind_proxy().await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    // While a row is locked, the statement waits in the database although nobody waits for it: the request to cancel it
    // does not arrive.
    let client = client(&server).await;
    client.batch_execute("begin; select from screen_records_project_1 for update").await.unwrap();
    proxy.refuse_connections(true);
    let limit = Duration::from_millis(500);
    let result = database.append(&mut led, &numbered(0..1), DUE_IN, limit).await;
    assert!(matches!(result, Err(WriteError::Unknown(_))), "{result:?}");
    proxy.refuse_connections(false);
    assert_eq!(frames(&direct).await, numbered(0..0));
    // Other frames could be taken for those that are still under way.
    let result = database.append(&mut led, &numbered(1..2), DUE_IN, LIMIT).await;
    assert!(matches!(result, Err(WriteError::Fenced)), "{result:?}");
    let result = database.rewrite(&mut led, numbered(1..2).into_iter(), LIMIT).await;
    assert!(matches!(result, Err(WriteError::Fenced)), "{result:?}");
    client.batch_execute("commit").await.unwrap();
    let until = Instant::now() + LIMIT;
    while state(&direct).await.position.next == 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(frames(&direct).await, numbered(0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_for_until_the_database_can_be_reached() {
    let (_server, direct, proxy, database) = behind_proxy().await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    for round in 0..2 {
        match round {
            0 => proxy.lose_next_answer(),
            _ => proxy.lose_next_statement(),
        }
        proxy.refuse_connections(true);
        let frame = numbered(round..round + 1);
        let append = database.append(&mut led, &frame, DUE_IN, LIMIT);
        let outage = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            proxy.refuse_connections(false);
        };
        let (result, ()) = tokio::join!(append, outage);
        result.unwrap();
    }
    assert_eq!(proxy.lost(), 2);
    assert_eq!(frames(&direct).await, numbered(0..2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_is_lost_ends_with_its_lease() {
    let (_server, direct, proxy, database) = behind_proxy().await;
    let short = Duration::from_secs(1);
    database.states(&[], LIMIT).await.unwrap();
    // The second answer is that to the claim.
    proxy.lose_answer(1);
    let lost = database.lead("p", "i", &claim("a", short), LIMIT).await;
    assert!(matches!(lost, Err(DatabaseError::Lost { .. })), "{lost:?}");
    let before = state(&direct).await;
    assert_eq!((before.position.epoch, before.leader.unwrap().id), (1, "a".to_owned()));
    assert_eq!(database.lead("p", "i", &claim("a", short), LIMIT).await.unwrap(), None);
    tokio::time::sleep(2 * short).await;
    let mut led = database.lead("p", "i", &claim("a", short), LIMIT).await.unwrap().unwrap();
    database.append(&mut led, &numbered(0..1), DUE_IN, LIMIT).await.unwrap();
    assert_eq!(state(&direct).await.position, led.position());
    assert_eq!(led.position().epoch, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_survives_a_cut_connection_at_any_point() {
    let (_server, direct, proxy, database) = behind_proxy().await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    // Three statements with frames, and the switch.
    let large = |number: u8| (0..3).map(move |_| vec![number; 1 << 20]);
    for round in 0..8_u8 {
        let skip = usize::from(round / 2);
        if round % 2 == 0 {
            proxy.lose_answer(skip);
        } else {
            // The frames of a statement arrive in several parts.
            proxy.lose_statement(16 * skip);
        }
        database.rewrite(&mut led, large(round), LIMIT).await.unwrap();
        assert_eq!(state(&direct).await.position, led.position());
        let found = frames(&direct).await;
        assert!(found.into_iter().eq(large(round)), "round {round}");
    }
    assert_eq!(proxy.lost(), 8);
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

#[tokio::test(flavor = "multi_thread")]
async fn statements_without_an_answer_in_time_do_not_use_up_the_connections() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    let client = client(&server).await;
    client.batch_execute("begin; select from screen_records_project_1 for update").await.unwrap();
    for _ in 0..20 {
        let result = database.extend(&[led.key()], Duration::from_millis(100)).await;
        assert!(matches!(result, Err(DatabaseError::Timeout { .. })), "{result:?}");
    }
    // Each statement waited for the row, and ends because it is cancelled.
    let few = "select from pg_stat_activity where application_name = 'screen-records-exporter' \
               having count(*) <= 2";
    wait_for(&server, few).await;
    client.batch_execute("commit").await.unwrap();
    assert_eq!(database.extend(&[led.key()], LIMIT).await.unwrap().len(), 1);
}
