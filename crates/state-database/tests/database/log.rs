//! The log, its leaders and its readers.

use std::time::Duration;

use postgresql_server::{Proxy, Server};
use state_database::{Address, Database, Extended, ReadError, Replica, WriteError};

use super::support::{DUE_IN, LIMIT, behind_proxy, claim, database, frames, numbered, state, tls};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_leader_appends_and_everybody_reads() {
    let server = Server::start().await;
    let (one, other) = (database(server.port), database(server.port));
    let (a, b) = tokio::join!(one.create_tables(), other.create_tables());
    a.and(b).unwrap();
    let short = Duration::from_millis(300);
    let mut led = one.lead("p", "i", &claim("a", short), LIMIT).await.unwrap().unwrap();
    assert_eq!(other.lead("p", "i", &claim("b", short), LIMIT).await.unwrap(), None);
    one.append(&mut led, &numbered(0..3), DUE_IN, LIMIT).await.unwrap();
    one.append(&mut led, &numbered(3..4), DUE_IN, LIMIT).await.unwrap();
    assert_eq!(frames(&other).await, numbered(0..4));
    let leader = state(&other).await.leader.unwrap();
    assert_eq!((&*leader.id, &*leader.url), ("a", "http://a"));

    tokio::time::sleep(2 * short).await;
    assert_eq!(state(&other).await.leader, None);
    // Nobody else leads yet, so an append of a slow leader is valid, and extends its lease.
    one.append(&mut led, &numbered(4..5), DUE_IN, LIMIT).await.unwrap();
    assert_eq!(other.lead("p", "i", &claim("b", short), LIMIT).await.unwrap(), None);
    tokio::time::sleep(2 * short).await;
    let mut next = other.lead("p", "i", &claim("b", short), LIMIT).await.unwrap().unwrap();
    let refused = one.append(&mut led, &numbered(90..91), DUE_IN, LIMIT).await;
    assert!(matches!(refused, Err(WriteError::Fenced)), "{refused:?}");
    assert_eq!(one.extend(&[led.key()], LIMIT).await.unwrap(), []);
    other.append(&mut next, &numbered(5..6), DUE_IN, LIMIT).await.unwrap();
    assert_eq!(frames(&one).await, numbered(0..6));
    let extended = other.extend(&[led.key(), next.key()], LIMIT).await.unwrap();
    assert_eq!(extended, [Extended { project: "p".to_owned(), is_poll_wanted: false }]);
    other.release(&[next.key()], LIMIT).await.unwrap();
    assert!(one.lead("p", "i", &claim("a", short), LIMIT).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_extended_or_ended_without_the_leadership_itself() {
    let server = Server::start().await;
    let (one, other) = (database(server.port), database(server.port));
    one.create_tables().await.unwrap();
    let mut keys = Vec::new();
    let long = claim("a", Duration::from_secs(600));
    for project in ["p", "q", "r"] {
        keys.push(one.lead(project, "i", &long, LIMIT).await.unwrap().unwrap().key());
    }
    let names = |extended: Vec<Extended>| -> Vec<String> {
        let mut names: Vec<_> = extended.into_iter().map(|one| one.project).collect();
        names.sort();
        names
    };
    one.release(std::slice::from_ref(&keys[1]), LIMIT).await.unwrap();
    let mut next = other.lead("q", "i", &claim("b", LIMIT), LIMIT).await.unwrap().unwrap();
    other.append(&mut next, &numbered(0..1), DUE_IN, LIMIT).await.unwrap();
    assert_eq!(names(one.extend(&keys, LIMIT).await.unwrap()), ["p", "r"]);
    // An earlier leadership cannot end that of the next leader.
    one.release(std::slice::from_ref(&keys[1]), LIMIT).await.unwrap();
    assert_eq!(names(other.extend(&[next.key()], LIMIT).await.unwrap()), ["q"]);
    assert_eq!(other.lead("q", "i", &long, LIMIT).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_leadership_is_of_no_use_any_more() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    database.append(&mut led, &numbered(0..1), DUE_IN, LIMIT).await.unwrap();
    database.release(&[led.key()], LIMIT).await.unwrap();
    // These arrive late: they must not begin a lease that nobody uses.
    assert_eq!(database.extend(&[led.key()], LIMIT).await.unwrap(), []);
    let refused = database.append(&mut led, &numbered(1..2), DUE_IN, LIMIT).await;
    assert!(matches!(refused, Err(WriteError::Fenced)), "{refused:?}");
    let refused = database.rewrite(&mut led, numbered(1..2).into_iter(), LIMIT).await;
    assert!(matches!(refused, Err(WriteError::Fenced)), "{refused:?}");
    let found = state(&database).await;
    assert_eq!((found.leader, found.position), (None, led.position()));
    assert_eq!(frames(&database).await, numbered(0..1));
    assert!(database.lead("p", "i", &claim("b", LIMIT), LIMIT).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_leases_are_released_with_one_statement() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.port).await;
    let database = database(proxy.port);
    database.create_tables().await.unwrap();
    let projects: Vec<_> = (0..50).map(|number| format!("p{number}")).collect();
    let mut keys = Vec::new();
    for project in &projects {
        keys.push(
            database.lead(project, "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap().key(),
        );
    }
    proxy.delay(Duration::from_millis(100));
    database.release(&keys, Duration::from_secs(2)).await.unwrap();
    let states = database.states(&projects, LIMIT).await.unwrap();
    assert_eq!(states.iter().filter(|state| state.leader.is_none()).count(), 50);
    database.release(&[], LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_is_that_of_the_last_leader() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    for identity in ["i", "j"] {
        let led = database.lead("p", identity, &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
        let refused = database.lead("p", "other", &claim("b", LIMIT), LIMIT).await.unwrap();
        assert_eq!(refused, None);
        assert_eq!(state(&database).await.identity, identity);
        database.release(&[led.key()], LIMIT).await.unwrap();
        assert_eq!(state(&database).await.identity, identity);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_replicas_that_want_to_lead_at_once_one_does() {
    let server = Server::start().await;
    let first = database(server.port);
    first.create_tables().await.unwrap();
    for round in 0..20 {
        let claims = (0..8).map(|replica| {
            let database = database(server.port);
            tokio::spawn(async move {
                let claim = claim(&format!("r{replica}"), LIMIT);
                database.lead(&format!("p{round}"), "i", &claim, LIMIT).await.unwrap()
            })
        });
        let claims: Vec<_> = claims.collect();
        let mut leaders = 0;
        for claim in claims {
            leaders += usize::from(claim.await.unwrap().is_some());
        }
        assert_eq!(leaders, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_of_a_clock_that_was_ahead_keeps_nobody_from_leading() {
    let server = Server::start().await;
    let (one, other) = (database(server.port), database(server.port));
    one.create_tables().await.unwrap();
    let long = claim("a", Duration::from_secs(300));
    one.lead("p", "i", &long, LIMIT).await.unwrap().unwrap();
    assert_eq!(other.lead("p", "i", &claim("b", LIMIT), LIMIT).await.unwrap(), None);
    let ahead = "update screen_records_project_1 set lease_until = lease_until + interval '1 day'";
    server.execute(ahead).await;
    assert_eq!(state(&other).await.leader, None);
    assert!(other.lead("p", "i", &claim("b", LIMIT), LIMIT).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_somebody_deleted_is_missing() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    database.append(&mut led, &numbered(0..5), DUE_IN, LIMIT).await.unwrap();
    let to = state(&database).await.position;
    for deleted in [4, 2, 0] {
        let statement = format!("delete from screen_records_frame_1 where n = {deleted}");
        server.execute(&statement).await;
        let read = database.read("p", 0, to, LIMIT, |_| Ok(())).await;
        let number = to.first + deleted;
        assert!(
            matches!(read, Err(ReadError::Missing { number: found }) if found == number),
            "{read:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_replaces_all_frames_at_once() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    for number in 0..300 {
        database.append(&mut led, &numbered(number..number + 1), DUE_IN, LIMIT).await.unwrap();
    }
    let earlier = state(&database).await.position;
    // Several statements, of which a reader sees nothing until the last.
    let large: Vec<_> = (0..40_u8).map(|number| vec![number; 100_000]).collect();
    database.rewrite(&mut led, large.clone().into_iter(), LIMIT).await.unwrap();
    assert_eq!(frames(&database).await, large);
    database.append(&mut led, &numbered(7..8), DUE_IN, LIMIT).await.unwrap();
    assert_eq!(frames(&database).await.len(), 41);
    assert!(state(&database).await.position.next > earlier.next, "numbers are not used twice");

    let read = database.read("p", 0, earlier, LIMIT, |_| Ok(())).await;
    assert!(read.is_ok(), "old frames stay until they are deleted: {read:?}");
    assert!(database.delete_old_frames("p", led.position(), LIMIT).await.unwrap());
    assert!(!database.delete_old_frames("p", led.position(), LIMIT).await.unwrap());
    let read = database.read("p", 0, earlier, LIMIT, |_| Ok(())).await;
    assert!(matches!(read, Err(ReadError::Rewritten)), "{read:?}");
    assert_eq!(frames(&database).await.len(), 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_answer_is_lost_is_neither_lost_nor_written_twice() {
    let (_server, direct, proxy, database) = behind_proxy().await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    for number in 0..40 {
        // Cuts the connection before the statement arrives, or before its answer does.
        match number % 4 {
            1 => proxy.lose_next_answer(),
            2 => proxy.lose_next_statement(),
            _ => {}
        }
        database.append(&mut led, &numbered(number..number + 1), DUE_IN, LIMIT).await.unwrap();
    }
    assert_eq!(proxy.lost(), 20);
    assert_eq!(frames(&direct).await, numbered(0..40));
    for number in 0..4_u8 {
        proxy.lose_next_answer();
        database.rewrite(&mut led, (0..3).map(|_| vec![number]), LIMIT).await.unwrap();
        proxy.lose_next_statement();
        database.append(&mut led, &[vec![100]], DUE_IN, LIMIT).await.unwrap();
        assert_eq!(frames(&direct).await, [[number], [number], [number], [100]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_without_an_answer_in_time_is_unknown_and_the_log_shows_it() {
    let (_server, direct, proxy, database) = behind_proxy().await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    proxy.swallow_answers(true);
    let result =
        database.append(&mut led, &numbered(0..1), DUE_IN, Duration::from_millis(500)).await;
    assert!(matches!(result, Err(WriteError::Unknown(_))), "{result:?}");
    assert_eq!(frames(&direct).await, numbered(0..1));
    proxy.swallow_answers(false);
    // The leadership is at the end that it knows, so nothing can be written before the log was read.
    let result = database.append(&mut led, &numbered(9..10), DUE_IN, LIMIT).await;
    assert!(matches!(result, Err(WriteError::Fenced)), "{result:?}");
    assert_eq!(frames(&direct).await, numbered(0..1));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_listed_while_they_show_themselves() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let replica = |id: &str| Replica {
        id: id.to_owned(),
        name: "n".to_owned(),
        url: String::new(),
        config: String::new(),
    };
    let lifetime = Duration::from_secs(1);
    let ids = |replicas: Vec<Replica>| -> Vec<String> {
        replicas.into_iter().map(|replica| replica.id).collect()
    };
    assert_eq!(ids(database.show(&replica("b"), lifetime, LIMIT).await.unwrap()), ["b"]);
    assert_eq!(ids(database.show(&replica("a"), lifetime, LIMIT).await.unwrap()), ["a", "b"]);
    database.leave("b", LIMIT).await.unwrap();
    assert_eq!(ids(database.show(&replica("a"), lifetime, LIMIT).await.unwrap()), ["a"]);
    tokio::time::sleep(lifetime).await;
    assert_eq!(ids(database.show(&replica("c"), lifetime, LIMIT).await.unwrap()), ["c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_database_and_a_remedy_without_the_password() {
    let server = Server::start().await;
    let url = format!("postgresql://nobody:secret@127.0.0.1:{}/x?sslmode=disable", server.port);
    let refused = Database::new(Address::parse(&url).unwrap(), tls());
    let error = refused.create_tables().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot connect to the database 127.0.0.1/x: role USER does not exist"
    );
    let port = server.port;
    drop(server);
    let error = database(port).create_tables().await.unwrap_err();
    let text = format!("{error}; {}", error.remedy());
    assert!(text.starts_with("cannot connect to the database 127.0.0.1/postgres: "), "{text}");
    assert!(text.contains("Connection refused") && text.contains("`state.url`"), "{text}");
}
