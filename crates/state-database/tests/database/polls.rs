//! Polls that are due or wanted.

use std::time::Duration;

use postgresql_server::{Proxy, Server};
use state_database::{Database, Leadership};
use tokio::sync::mpsc::UnboundedReceiver;

use super::support::{LIMIT, claim, database, database_of, listening, numbered, state};

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
        database.want_polls(&["p".to_owned()], LIMIT).await.unwrap();
        database.rewrite(&mut led, numbered(0..1).into_iter(), LIMIT).await.unwrap();
        assert_eq!(state(&database).await.is_poll_due, is_due);
        assert_eq!(is_wanted(&database, &led).await, is_due);
    }
}

/// Returns whether the leader sees a wish for a poll.
async fn is_wanted(leader: &Database, led: &Leadership) -> bool {
    leader.extend(&[led.key()], LIMIT).await.unwrap()[0].is_poll_wanted
}

/// Returns the next project of a notification.
async fn next(heard: &mut UnboundedReceiver<String>) -> String {
    tokio::time::timeout(LIMIT, heard.recv()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_wanted_until_the_next_commit() {
    let server = Server::start().await;
    let (leader, follower) = (database(server.port), database(server.port));
    leader.create_tables().await.unwrap();
    follower.want_polls(&["p".to_owned()], LIMIT).await.unwrap();
    let short = Duration::from_millis(300);
    let mut led = leader.lead("p", "i", &claim("a", short), LIMIT).await.unwrap().unwrap();
    assert!(!is_wanted(&leader, &led).await, "nobody led the project");
    follower.want_polls(&["p".to_owned()], LIMIT).await.unwrap();
    assert!(is_wanted(&leader, &led).await);
    leader.append(&mut led, &numbered(0..1), Duration::ZERO, LIMIT).await.unwrap();
    assert!(!is_wanted(&leader, &led).await);
    tokio::time::sleep(2 * short).await;
    follower.want_polls(&["p".to_owned()], LIMIT).await.unwrap();
    assert!(!is_wanted(&leader, &led).await, "nobody leads the project any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_is_not_due_is_not_wanted() {
    let server = Server::start().await;
    let (leader, follower) = (database(server.port), database(server.port));
    leader.create_tables().await.unwrap();
    let mut led = leader.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    for (number, due_in, is_due) in [(0, LIMIT, false), (1, Duration::ZERO, true)] {
        let frame = numbered(number..number + 1);
        leader.append(&mut led, &frame, due_in, LIMIT).await.unwrap();
        follower.want_polls(&["p".to_owned()], LIMIT).await.unwrap();
        assert_eq!(is_wanted(&leader, &led).await, is_due);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_listen_hear_of_a_wanted_poll_once() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.port).await;
    let (leader, mut heard) = listening(proxy.port);
    let followers = [database(server.port), database(server.port)];
    leader.create_tables().await.unwrap();
    let long = claim("a", Duration::from_secs(600));
    let mut p = leader.lead("p", "i", &long, LIMIT).await.unwrap().unwrap();
    leader.lead("q", "i", &long, LIMIT).await.unwrap().unwrap();
    for project in ["p", "p", "other", "q"] {
        let ([one, other], project) = (&followers, [project.to_owned()]);
        let (one, other) =
            tokio::join!(one.want_polls(&project, LIMIT), other.want_polls(&project, LIMIT));
        one.and(other).unwrap();
    }
    assert_eq!(next(&mut heard).await, "p");
    assert_eq!(next(&mut heard).await, "q");
    assert!(heard.try_recv().is_err());
    // A new connection listens again.
    proxy.lose_next_answer();
    leader.append(&mut p, &numbered(0..1), Duration::ZERO, LIMIT).await.unwrap();
    assert_eq!(proxy.lost(), 1);
    followers[0].want_polls(&["p".to_owned()], LIMIT).await.unwrap();
    assert_eq!(next(&mut heard).await, "p");
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_of_many_projects_are_wanted_with_one_statement() {
    let server = Server::start().await;
    let proxy = Proxy::start(server.port).await;
    let (leader, mut heard) = listening(server.port);
    leader.create_tables().await.unwrap();
    let projects: Vec<_> = (10..60).map(|number| format!("p{number}")).collect();
    let mut keys = Vec::new();
    let long = claim("a", Duration::from_secs(600));
    for project in &projects {
        let mut led = leader.lead(project, "i", &long, LIMIT).await.unwrap().unwrap();
        let due_in = if project == "p42" { LIMIT } else { Duration::ZERO };
        leader.append(&mut led, &numbered(0..1), due_in, LIMIT).await.unwrap();
        keys.push(led.key());
    }
    let follower = database(proxy.port);
    follower.states(&[], LIMIT).await.unwrap();
    proxy.delay(Duration::from_millis(100));
    for _ in 0..2 {
        follower.want_polls(&projects, Duration::from_secs(2)).await.unwrap();
    }
    let extended = leader.extend(&keys, LIMIT).await.unwrap();
    let mut wanted: Vec<_> = projects.clone();
    wanted.retain(|project| project != "p42");
    let mut seen: Vec<_> = extended.iter().filter(|one| one.is_poll_wanted).collect();
    seen.sort_by(|one, other| one.project.cmp(&other.project));
    assert!(seen.iter().map(|one| &one.project).eq(&wanted));
    let mut told = Vec::new();
    for _ in &wanted {
        told.push(next(&mut heard).await);
    }
    told.sort();
    assert_eq!(told, wanted);
    assert!(heard.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_about_many_projects_do_not_block_each_other() {
    let server = Server::start().await;
    let owner = database(server.port);
    owner.create_tables().await.unwrap();
    let projects: Vec<_> = (0..200).map(|number| format!("p{number}")).collect();
    let reversed: Vec<_> = projects.iter().rev().cloned().collect();
    let mut keys = Vec::new();
    let long = claim("a", Duration::from_secs(600));
    for project in &reversed {
        keys.push(owner.lead(project, "i", &long, LIMIT).await.unwrap().unwrap().key());
    }
    let (leader, one, other) =
        (database(server.port), database(server.port), database(server.port));
    for _ in 0..30 {
        server.execute("update screen_records_project_1 set wanted_at = null").await;
        let (extended, one, other) = tokio::join!(
            leader.extend(&keys, LIMIT),
            one.want_polls(&projects, LIMIT),
            other.want_polls(&reversed, LIMIT),
        );
        one.and(other).unwrap();
        assert_eq!(extended.unwrap().len(), 200);
    }
    owner.release(&keys, LIMIT).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_wanted_without_notifications() {
    for change in [
        "alter function pg_catalog.pg_notify(text, text) rename to unknown",
        "revoke execute on function pg_notify from public",
    ] {
        let server = Server::start().await;
        let owner = database(server.port);
        owner.create_tables().await.unwrap();
        server.execute(&format!(
            "create user follower; grant all on all tables in schema public to follower; {change}"
        )).await;
        let follower = database_of(&server, "follower");
        let mut led = owner.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
        for _ in 0..2 {
            follower.want_polls(&["p".to_owned()], LIMIT).await.unwrap();
            assert!(is_wanted(&owner, &led).await, "{change}");
            owner.append(&mut led, &numbered(0..1), Duration::ZERO, LIMIT).await.unwrap();
        }
    }
}
