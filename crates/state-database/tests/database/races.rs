//! Replicas that race for a log, and readers of a log that is rewritten.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postgresql_server::Server;
use state_database::{Database, LogPosition, ReadError, WriteError};
use tokio::time::Instant;

use super::support::{DUE_IN, LIMIT, claim, database, frames, state};

/// Leads and appends in turn with others until `until`. Returns the frames that were written, with their numbers.
async fn race(database: Database, id: u8, until: Instant) -> Vec<(i64, Vec<u8>)> {
    let mut written = Vec::new();
    let mut number = 0_u32;
    // Over before the next append, so that others can lead at any moment.
    let short = Duration::from_millis(1);
    while Instant::now() < until {
        let claimed = database.lead("p", "i", &claim(&id.to_string(), short), LIMIT).await.unwrap();
        let Some(mut led) = claimed else { continue };
        loop {
            let count = 1 + number % 3;
            let frame = |index: u32| [&[id][..], &(number + index).to_be_bytes()].concat();
            let frames: Vec<_> = (0..count).map(frame).collect();
            number += count;
            let first = led.position().next;
            match database.append(&mut led, &frames, DUE_IN, LIMIT).await {
                Ok(()) => written.extend((first..).zip(frames)),
                Err(WriteError::Fenced) => break,
                Err(error) => panic!("{error}"),
            }
            if Instant::now() >= until {
                break;
            }
        }
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn of_replicas_that_race_each_writes_under_numbers_of_its_own() {
    race_in(&Server::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_race_in_a_database_that_isolates_transactions_more() {
    let mut server = Server::new().await;
    server.configure("default_transaction_isolation = 'serializable'");
    server.run().await;
    race_in(&server).await;
}

async fn race_in(server: &Server) {
    let direct = database(server.port);
    direct.create_tables().await.unwrap();
    let until = Instant::now() + Duration::from_secs(3);
    let racers = (0..4).map(|id| tokio::spawn(race(database(server.port), id, until)));
    let mut written = HashMap::new();
    let mut winners = 0;
    for racer in racers.collect::<Vec<_>>() {
        let of_one = racer.await.unwrap();
        winners += usize::from(!of_one.is_empty());
        for (number, frame) in of_one {
            assert_eq!(written.insert(number, frame), None, "{number} was written twice");
        }
    }
    let position = state(&direct).await.position;
    // Several led, more often than each once.
    assert!(winners > 1 && position.epoch > 4, "{winners} {position:?}");
    let log: HashMap<_, _> = (0..).zip(frames(&direct).await).collect();
    assert_eq!(log, written);
}

/// Reads a log that has one byte in all its frames. Returns it, and how many frames there are.
async fn read(database: &Database, to: LogPosition) -> Result<(u8, usize), ReadError> {
    let mut frames = Vec::new();
    let take = |frame: &[u8]| {
        frames.push(frame[0]);
        Ok(())
    };
    database.read("p", 0, to, LIMIT, take).await?;
    let count = frames.len();
    frames.dedup();
    assert_eq!(frames.len(), 1, "a mix of two logs");
    Ok((frames[0], count))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_log_that_is_rewritten_gets_all_of_one_log_or_an_error() {
    const FRAMES: usize = 20_000;
    let server = Server::start().await;
    let (writer, reader) = (database(server.port), database(server.port));
    writer.create_tables().await.unwrap();
    let mut led = writer.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    let log = |version: u8| (0..FRAMES).map(move |_| vec![version; 100]);
    writer.rewrite(&mut led, log(0), LIMIT).await.unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let is_enough = enough.clone();
    let work = tokio::spawn(async move {
        for version in 1.. {
            writer.rewrite(&mut led, log(version), LIMIT).await.unwrap();
            while writer.delete_old_frames("p", led.position(), LIMIT).await.unwrap() {}
            if is_enough.load(Ordering::SeqCst) {
                return version;
            }
        }
        unreachable!("255 rewrites must be enough");
    });
    let (mut complete, mut rewritten) = (0, 0);
    let mut last = 0;
    while complete < 5 || rewritten < 2 {
        let position = state(&reader).await.position;
        // Sometimes slow enough for the log to be deleted before it is read to its end.
        let attempts = complete + rewritten;
        tokio::time::sleep(Duration::from_millis(attempts % 2 * attempts * 100)).await;
        match read(&reader, position).await {
            Ok((version, count)) => {
                assert_eq!(count, FRAMES);
                assert!(version >= last, "{version} after {last}");
                last = version;
                complete += 1;
            }
            Err(ReadError::Rewritten) => rewritten += 1,
            Err(error) => panic!("{error}"),
        }
    }
    enough.store(true, Ordering::SeqCst);
    let last = work.await.unwrap();
    assert_eq!(read(&reader, state(&reader).await.position).await.unwrap(), (last, FRAMES));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_copied_into_an_empty_project() {
    let server = Server::start().await;
    let (source, target) = (database(server.port), database(server.port));
    source.create_tables().await.unwrap();
    let copy: Vec<_> = (0..50_u8).map(|number| vec![number; 60_000]).collect();
    let none = target.states(&["p".to_owned()], LIMIT).await.unwrap();
    assert_eq!(none, [], "a project without a log");
    let mut led = target.lead("p", "i", &claim("copy", LIMIT), LIMIT).await.unwrap().unwrap();
    assert_eq!((led.position().first, led.position().next), (0, 0));
    target.rewrite(&mut led, copy.clone().into_iter(), LIMIT).await.unwrap();
    assert!(!target.delete_old_frames("p", led.position(), LIMIT).await.unwrap());
    target.release(&[led.key()], LIMIT).await.unwrap();

    let state = state(&source).await;
    assert_eq!((state.leader, &*state.identity, state.is_poll_due), (None, "i", true));
    let mut led = source.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    source.append(&mut led, &[vec![9]], DUE_IN, LIMIT).await.unwrap();
    let found = frames(&target).await;
    assert_eq!((&found[..50], &found[50..]), (&*copy, &[vec![9]][..]));
}
