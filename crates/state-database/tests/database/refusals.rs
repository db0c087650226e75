//! Refused credentials that replicas share.

use std::time::Duration;

use postgresql_server::Server;
use state_database::Database;

use super::support::{LIMIT, database, database_of};

const LONG: Duration = Duration::from_secs(600);

async fn kept(database: &Database, credentials: &str, lifetime: Duration) -> Vec<String> {
    let bodies = database.refusals(credentials, lifetime, LIMIT).await.unwrap();
    bodies.into_iter().map(|body| String::from_utf8(body).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_knows_the_refusals_of_credentials() {
    let server = Server::start().await;
    let (one, other) = (database(server.port), database(server.port));
    one.create_tables().await.unwrap();
    for (database, credentials, project, endpoint, body) in [
        (&one, "a", "p2", "e1", "1"),
        (&other, "a", "p1", "e2", "2"),
        (&one, "a", "p1", "e1", "3"),
        (&other, "b", "p1", "e1", "4"),
        (&other, "a", "p2", "e1", "5"),
    ] {
        database
            .keep_refusal(credentials, project, endpoint, body.as_bytes(), LONG, LIMIT)
            .await
            .unwrap();
    }
    for database in [&one, &other] {
        assert_eq!(kept(database, "a", LONG).await, ["3", "2", "5"]);
        assert_eq!(kept(database, "b", LONG).await, ["4"]);
        assert!(kept(database, "c", LONG).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_forgotten_after_their_lifetime() {
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    database.keep_refusal("a", "p", "e", b"1", LONG, LIMIT).await.unwrap();
    database.keep_refusal("a", "q", "e", b"2", LONG, LIMIT).await.unwrap();
    let lifetime = Duration::from_secs(2);
    tokio::time::sleep(lifetime).await;
    assert!(kept(&database, "a", lifetime).await.is_empty());
    assert_eq!(kept(&database, "a", LONG).await, ["1", "2"]);
    // A refusal that is kept again is as new as another.
    database.keep_refusal("a", "p", "e", b"3", lifetime, LIMIT).await.unwrap();
    assert_eq!(kept(&database, "a", lifetime).await, ["3"]);
    assert_eq!(kept(&database, "a", LONG).await, ["3"], "the older one was deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_have_the_same_salt() {
    let mut salts = Vec::new();
    for _ in 0..2 {
        let server = Server::start().await;
        let (one, other) = (database(server.port), database(server.port));
        one.create_tables().await.unwrap();
        let (a, b) = tokio::join!(one.salt(LIMIT), other.salt(LIMIT));
        let salt = a.unwrap();
        assert_eq!((salt.len(), &salt), (16, &b.unwrap()));
        assert_eq!(one.salt(LIMIT).await.unwrap(), salt);
        salts.push(salt);
    }
    assert_ne!(salts[0], salts[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_may_not_create_tables_uses_those_of_another_one() {
    let server = Server::start().await;
    let owner = database(server.port);
    server.execute("create user reader").await;
    let reader = database_of(&server, "reader");
    let error = reader.create_tables().await.unwrap_err();
    assert!(error.remedy().contains("create tables"), "{error}; {}", error.remedy());
    owner.create_tables().await.unwrap();
    let grant = "grant select, insert, update, delete on all tables in schema public to reader";
    server.execute(grant).await;
    reader.create_tables().await.unwrap();
    assert_eq!(reader.salt(LIMIT).await.unwrap(), owner.salt(LIMIT).await.unwrap());
}
