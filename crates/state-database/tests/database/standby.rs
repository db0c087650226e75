//! A standby that lags takes the place of the database, which so goes back in time.

use std::time::Duration;

use postgresql_server::Server;
use state_database::{Address, Database, DatabaseError, Leadership, WriteError};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::support::{DUE_IN, LIMIT, claim, database, frames, numbered, state, tls, url, wait_for};

const SHORT: Duration = Duration::from_secs(1);

/// A database that listens and that may be a standby.
fn reading(port: u16) -> (Database, UnboundedReceiver<String>) {
    let (sender, heard) = unbounded_channel();
    let url = url(port) + "&target_session_attrs=any";
    (Database::listening(Address::parse(&url).unwrap(), tls(), sender), heard)
}

/// Leads the project as soon as the lease of the last leader has ended.
async fn lead(database: &Database, id: &str) -> Leadership {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(led) = database.lead("p", "i", &claim(id, SHORT), LIMIT).await.unwrap() {
            return led;
        }
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_shows_that_it_lags_and_gets_the_newer_log() {
    let mut primary = Server::start().await;
    let one = database(primary.port);
    one.create_tables().await.unwrap();
    let mut led = lead(&one, "a").await;
    one.append(&mut led, &numbered(0..1), DUE_IN, LIMIT).await.unwrap();
    let standby = Server::standby_of(&primary).await;
    let (other, _heard) = reading(standby.port);
    let until = Instant::now() + LIMIT;
    // Its tables can be read, although it refuses to send notifications.
    while state(&other).await.position != led.position() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let error = other.lead("p", "i", &claim("b", SHORT), LIMIT).await.unwrap_err();
    assert!(error.remedy().contains("standby"), "{error}; {}", error.remedy());

    // What follows does not arrive at the standby.
    standby.execute("alter system set primary_conninfo = ''").await;
    standby.execute("select pg_reload_conf()").await;
    let old = led.position();
    let detached = "select from pg_stat_replication having count(*) = 0";
    wait_for(&primary, detached).await;
    one.append(&mut led, &numbered(1..2), DUE_IN, LIMIT).await.unwrap();
    one.release(&[led.key()], LIMIT).await.unwrap();
    let mut led = lead(&one, "a").await;
    one.append(&mut led, &numbered(2..4), DUE_IN, LIMIT).await.unwrap();
    let newest = led.position();
    primary.stop();
    standby.execute("select pg_promote()").await;

    let seen = state(&other).await.position;
    assert!(seen == old && (seen.epoch, seen.next) < (newest.epoch, newest.next), "{seen:?}");
    // The leader of the lost database neither writes nor extends.
    let refused = other.append(&mut led, &numbered(90..91), DUE_IN, LIMIT).await;
    assert!(matches!(refused, Err(WriteError::Fenced)), "{refused:?}");
    assert_eq!(other.extend(&[led.key()], LIMIT).await.unwrap(), []);

    // Another replica that knows nothing of this gets as far as the lost one; only the token differs.
    let mut unaware = lead(&other, "b").await;
    other.append(&mut unaware, &numbered(50..53), DUE_IN, LIMIT).await.unwrap();
    let seen = state(&other).await.position;
    assert_eq!((seen.epoch, seen.next), (newest.epoch, newest.next));
    assert_ne!(seen, newest);
    let refused = other.append(&mut led, &numbered(90..91), DUE_IN, LIMIT).await;
    assert!(matches!(refused, Err(WriteError::Fenced)), "{refused:?}");

    // The replica that has the newest state writes it again.
    let mut led = lead(&other, "a").await;
    other.rewrite(&mut led, numbered(0..4).into_iter(), LIMIT).await.unwrap();
    let refused = other.append(&mut unaware, &numbered(90..91), DUE_IN, LIMIT).await;
    assert!(matches!(refused, Err(WriteError::Fenced)), "{refused:?}");
    assert_eq!(frames(&other).await, numbered(0..4));
    let error = one.states(&[], SHORT).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Connect { .. } | DatabaseError::Lost { .. }), "{error}");
}
