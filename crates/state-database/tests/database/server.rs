//! A PostgreSQL of a test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use state_database::{Address, Database};

use super::support::{tls, url};

/// A PostgreSQL that ends with this value.
pub(super) struct Server {
    pub(super) port: u16,
    /// Its data. A test may change its configuration before it runs.
    pub(super) data: PathBuf,
    /// The process, while it runs.
    process: Option<Child>,
    folder: tempfile::TempDir,
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
    /// Starts a server.
    pub(super) async fn start() -> Self {
        let mut server = Self::new();
        server.run().await;
        server
    }

    /// Makes a server that does not run yet.
    pub(super) fn new() -> Self {
        let server = Self::empty();
        server.init(None);
        server
    }

    /// Makes a server that does not run yet and has its write-ahead log elsewhere.
    pub(super) fn with_log(folder: &Path) -> Self {
        let server = Self::empty();
        server.init(Some(folder));
        server
    }

    /// Starts a standby, which follows `primary` with some delay.
    pub(super) async fn standby_of(primary: &Self) -> Self {
        let mut server = Self::empty();
        let made = as_postgres("pg_basebackup")
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &primary.port.to_string()])
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-D"])
            .arg(&server.data)
            .status()
            .unwrap();
        assert!(made.success());
        server.run().await;
        server
    }

    fn init(&self, log: Option<&Path>) {
        let made = as_postgres("initdb")
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&self.data)
            .args(log.map(|folder| format!("--waldir={}", folder.display())))
            .status()
            .unwrap();
        assert!(made.success());
    }

    /// Makes a server without data.
    fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let chown = Command::new("chown").arg("postgres").arg(folder.path()).status().unwrap();
        assert!(chown.success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, data: folder.path().join("data"), process: None, folder }
    }

    /// Adds settings, which are read when it starts.
    pub(super) fn configure(&self, settings: &str) {
        let file = self.data.join("postgresql.auto.conf");
        let text = std::fs::read_to_string(&file).unwrap() + settings + "\n";
        std::fs::write(file, text).unwrap();
    }

    /// Starts it, also again.
    pub(super) async fn run(&mut self) {
        let process = as_postgres("postgres")
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--unix_socket_directories={}", self.folder.path().display()))
            .arg("-D")
            .arg(&self.data)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        for _ in 0..200 {
            let mut ready = as_postgres("pg_isready");
            ready.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status().unwrap().success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not become ready");
    }

    /// Ends it and its connections.
    pub(super) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
            let _ = process.wait();
        }
    }

    /// Opens a connection of the owner.
    pub(super) async fn client(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&url(self.port), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Executes statements as the owner.
    pub(super) async fn execute(&self, statements: &str) {
        self.client().await.batch_execute(statements).await.unwrap();
    }

    /// Waits until a query returns a row.
    pub(super) async fn wait_for(&self, query: &str) {
        let client = self.client().await;
        for _ in 0..200 {
            if !client.query(query, &[]).await.unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{query} returns nothing");
    }

    /// Returns the database as another user sees it.
    pub(super) fn database_of(&self, user: &str) -> Database {
        let url = url(self.port).replace("postgres@", &format!("{user}@"));
        Database::new(Address::parse(&url).unwrap(), tls())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
