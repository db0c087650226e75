//! A full disk on the database.

use std::process::Command;
use std::time::Duration;

use postgresql_server::Server;
use state_database::{Database, Leadership, WriteError};

use super::support::{DUE_IN, LIMIT, claim, database, frames};

/// A small file system in memory.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new(size: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("disk").tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        assert!(mount.status().unwrap().success(), "these tests must be able to mount a tmpfs");
        let disk = Self { folder };
        disk.run(Command::new("chown").arg("postgres"));
        disk
    }

    fn resize(&self, size: &str) {
        self.run(Command::new("mount").args(["-o", &format!("remount,size={size}")]));
    }

    fn run(&self, command: &mut Command) {
        assert!(command.arg(self.folder.path()).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The server may still use it.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

/// Appends large frames until it fails. Returns those that were written, and the error.
async fn fill(database: &Database, led: &mut Leadership) -> (Vec<Vec<u8>>, WriteError) {
    let mut written = Vec::new();
    for number in 0..100 {
        let frame = vec![vec![number; 1 << 20]];
        match database.append(led, &frame, DUE_IN, Duration::from_secs(3)).await {
            Ok(()) => written.extend(frame),
            Err(error) => return (written, error),
        }
    }
    panic!("the disk does not become full");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_finds_the_disk_full_is_refused_and_can_be_repeated() {
    let disk = Disk::new("8m");
    let server = Server::start().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let folder = disk.folder.path().display();
    server.execute(&format!("create tablespace small location '{folder}'")).await;
    server.execute("alter table screen_records_frame_1 set tablespace small").await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    let (mut written, error) = fill(&database, &mut led).await;
    let WriteError::NotWritten(error) = error else { panic!("{error}") };
    assert!(error.remedy().contains("free space"), "{error}; {}", error.remedy());
    assert_eq!(frames(&database).await, written);
    let rewritten = database.rewrite(&mut led, written.clone().into_iter(), LIMIT).await;
    assert!(matches!(rewritten, Err(WriteError::NotWritten(_))), "{rewritten:?}");
    assert_eq!(frames(&database).await, written);

    disk.resize("64m");
    database.append(&mut led, &[vec![100]], DUE_IN, LIMIT).await.unwrap();
    written.push(vec![100]);
    assert_eq!(frames(&database).await, written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_because_its_disk_is_full_keeps_what_was_written() {
    let disk = Disk::new("64m");
    let mut server = Server::with_log(&disk.folder.path().join("log")).await;
    server.run().await;
    let database = database(server.port);
    database.create_tables().await.unwrap();
    let short = Duration::from_secs(1);
    let mut led = database.lead("p", "i", &claim("a", short), LIMIT).await.unwrap().unwrap();
    let (written, error) = fill(&database, &mut led).await;
    assert!(matches!(error, WriteError::Unknown(_)), "{error}");
    server.stop();
    disk.resize("256m");
    server.run().await;
    // The last frame may have been written although its append failed.
    let found = frames(&database).await;
    assert!(found.starts_with(&written) && found.len() <= written.len() + 1, "{error}");
    tokio::time::sleep(2 * short).await;
    let mut led = database.lead("p", "i", &claim("a", LIMIT), LIMIT).await.unwrap().unwrap();
    database.append(&mut led, &[vec![100]], DUE_IN, LIMIT).await.unwrap();
    assert_eq!(frames(&database).await.len(), found.len() + 1);
}
