//! A PostgreSQL of a test's own, and a proxy in front of it that loses messages.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use state_database::{Address, Database};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{tls, url};

/// A PostgreSQL that ends with this value.
pub(super) struct Server {
    pub(super) port: u16,
    process: Child,
    _folder: tempfile::TempDir,
}

/// Folder of the server's programs.
fn programs() -> PathBuf {
    let folder = std::env::var_os("SCREEN_RECORDS_TEST_POSTGRES");
    folder.map_or_else(|| Path::new("/usr/lib/postgresql/15/bin").to_owned(), PathBuf::from)
}

/// Runs a program as another user, because PostgreSQL refuses to run as root.
fn as_postgres(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(programs().join(program)).stdout(Stdio::null());
    command
}

impl Server {
    pub(super) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let chown = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
        assert!(chown.success());
        let data = folder.path().join("data");
        let made = as_postgres("initdb")
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = as_postgres("postgres")
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-p", &port.to_string()])
            .arg(format!("--unix_socket_directories={}", folder.path().display()))
            .arg("-D")
            .arg(&data)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { port, process, _folder: folder };
        for _ in 0..200 {
            let mut ready = as_postgres("pg_isready");
            ready.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
            if ready.status().unwrap().success() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not become ready");
    }

    /// Executes statements as the owner.
    pub(super) async fn execute(&self, statements: &str) {
        let (client, connection) =
            tokio_postgres::connect(&url(self.port), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(statements).await.unwrap();
    }

    /// Returns the database as another user sees it.
    pub(super) fn database_of(&self, user: &str) -> Database {
        let url = url(self.port).replace("postgres@", &format!("{user}@"));
        Database::new(Address::parse(&url).unwrap(), tls())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT: ends its children and its connections.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

const FORWARD: u8 = 0;
const LOSE_STATEMENT: u8 = 1;
const LOSE_ANSWER: u8 = 2;

/// Forwards to a server, and loses what it is told to.
pub(super) struct Proxy {
    pub(super) port: u16,
    rules: Arc<Rules>,
}

#[derive(Default)]
struct Rules {
    next: AtomicU8,
    swallows: AtomicBool,
    lost: AtomicUsize,
}

impl Proxy {
    pub(super) async fn start(server: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rules = Arc::new(Rules::default());
        let accepted = rules.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(forward(client, server, accepted.clone()));
            }
        });
        Self { port, rules }
    }

    /// Ends the connection when the next statement arrives.
    pub(super) fn lose_next_statement(&self) {
        self.rules.next.store(LOSE_STATEMENT, Ordering::SeqCst);
    }

    /// Ends the connection when the answer to the next statement arrives.
    pub(super) fn lose_next_answer(&self) {
        self.rules.next.store(LOSE_ANSWER, Ordering::SeqCst);
    }

    /// Keeps all answers to itself, or not, and connections open.
    pub(super) fn swallow_answers(&self, swallows: bool) {
        self.rules.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Returns how often a message was lost.
    pub(super) fn lost(&self) -> usize {
        self.rules.lost.load(Ordering::SeqCst)
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, rules: Arc<Rules>) {
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                if rules.next.compare_exchange(LOSE_STATEMENT, FORWARD, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                    rules.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if server.write_all(&from_client[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if rules.next.compare_exchange(LOSE_ANSWER, FORWARD, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                    rules.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if rules.swallows.load(Ordering::SeqCst) {
                    continue;
                }
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
