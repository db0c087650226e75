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
