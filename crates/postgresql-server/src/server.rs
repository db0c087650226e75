//! A server, with the programs that Debian installs.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpSocket;

use super::small_disk::SmallDisk;

/// Name of the tablespace on the small disk.
const SMALL: &str = "small";
/// Time within which a server starts.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Options of a server. The default one listens on 127.0.0.1 and asks for no password.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// Certificates and private key in PEM. Connections must use TLS then.
    pub tls: Option<(String, String)>,
    /// Password of the user `postgres`, checked with SCRAM-SHA-256.
    pub password: Option<String>,
    /// Address to listen on besides 127.0.0.1.
    pub address: Option<String>,
    /// Size in bytes of the disk for tables.
    pub disk: Option<u64>,
}

/// A PostgreSQL that ends with this value.
#[derive(Debug)]
pub struct Server {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Its data. A test may change its configuration before it runs.
    pub data: PathBuf,
    options: ServerOptions,
    process: Option<Child>,
    disk: Option<SmallDisk>,
    /// Bound and not listening, so the system gives the port to nobody else while the server is stopped.
    _reserved: TcpSocket,
    folder: TempDir,
}

/// Returns the folder of the server's programs.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("SCREEN_RECORDS_TEST_POSTGRES") {
        return PathBuf::from(folder);
    }
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = folders.map(|folder| folder.unwrap().path());
    let newest = versions.filter(|path| version(path).is_some()).max_by_key(|path| version(path));
    newest.expect("PostgreSQL is missing: install the package postgresql").join("bin")
}

/// Runs a program as another user if this is root, because PostgreSQL refuses to run as root.
pub(crate) fn as_postgres(program: &str) -> Command {
    let path = programs().join(program);
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// Runs a command to its end and returns its output.
async fn output(mut command: Command) -> String {
    command.stdin(Stdio::null());
    let output = tokio::process::Command::from(command).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Gives a file to the user that runs the server.
pub(crate) async fn give(path: &Path) {
    if is_root() {
        let mut chown = Command::new("chown");
        chown.arg("postgres").arg(path);
        output(chown).await;
    }
}

impl Server {
    /// Starts a server that accepts the user `postgres` without a password.
    pub async fn start() -> Self {
        Self::start_with(ServerOptions::default()).await
    }

    /// Starts a server with these options.
    pub async fn start_with(options: ServerOptions) -> Self {
        let mut server = Self::empty(options).await;
        server.initialise(None).await;
        server.apply_options().await;
        if let Some(size) = server.options.disk {
            let disk = SmallDisk::mount(&server.folder.path().join(SMALL), size).await;
            server.run().await;
            let path = disk.path().display().to_string();
            server.execute(&format!("create tablespace {SMALL} location '{path}'")).await;
            server.execute(&format!("alter role postgres set default_tablespace = {SMALL}")).await;
            server.disk = Some(disk);
        } else {
            server.run().await;
        }
        server
    }

    /// Makes a server that does not run yet.
    pub async fn new() -> Self {
        let server = Self::empty(ServerOptions::default()).await;
        server.initialise(None).await;
        server
    }

    /// Makes a server that does not run yet and has its write-ahead log elsewhere.
    pub async fn with_log(folder: &Path) -> Self {
        let server = Self::empty(ServerOptions::default()).await;
        server.initialise(Some(folder)).await;
        server
    }

    async fn initialise(&self, log: Option<&Path>) {
        let mut command = as_postgres("initdb");
        command
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--username=postgres", "-D"])
            .arg(&self.data)
            .args(log.map(|folder| format!("--waldir={}", folder.display())));
        output(command).await;
    }

    /// Adds settings, which are read when it starts.
    pub fn configure(&self, settings: &str) {
        let file = self.data.join("postgresql.auto.conf");
        let text = std::fs::read_to_string(&file).unwrap() + settings + "\n";
        std::fs::write(file, text).unwrap();
    }

    /// Makes a server without data.
    async fn empty(options: ServerOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        give(folder.path()).await;
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.set_reuseaddr(true).unwrap();
        reserved.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let port = reserved.local_addr().unwrap().port();
        let data = folder.path().join("data");
        Self { port, data, options, process: None, disk: None, _reserved: reserved, folder }
    }

    /// Writes the files that say who may connect and how.
    async fn apply_options(&self) {
        let method = if self.options.password.is_some() { "scram-sha-256" } else { "trust" };
        let host = if self.options.tls.is_some() { "hostssl" } else { "host" };
        let rules = format!(
            "local all all trust\nlocal replication all trust\n{host} all all all {method}\n"
        );
        let mut files = vec![("pg_hba.conf", rules)];
        if let Some((certificates, key)) = self.options.tls.clone() {
            files.extend([("server.crt", certificates), ("server.key", key)]);
            self.configure("ssl = on");
        }
        for (name, text) in files {
            let path = self.data.join(name);
            std::fs::write(&path, text).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
            give(&path).await;
        }
    }

    /// Starts the server, also again after [`Server::stop`] or [`Server::crash`], on the same port.
    pub async fn run(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let extra = self.options.address.iter().map(|address| format!(",{address}"));
        let addresses: String = std::iter::once("127.0.0.1".to_owned()).chain(extra).collect();
        let process = as_postgres("postgres")
            .args(["-p", &self.port.to_string()])
            .arg(format!("--listen_addresses={addresses}"))
            .arg(format!("--unix_socket_directories={}", self.folder.path().display()))
            .arg("-D")
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let password = self.options.password.clone();
        self.wait_until_ready().await;
        if let Some(password) = password {
            self.execute(&format!("alter role postgres password '{password}'")).await;
        }
    }

    async fn wait_until_ready(&mut self) {
        let begun = tokio::time::Instant::now();
        loop {
            let mut ready = as_postgres("pg_isready");
            ready.arg("-q").args(["-p", &self.port.to_string(), "-h"]).arg(self.folder.path());
            if tokio::process::Command::from(ready).status().await.unwrap().success() {
                return;
            }
            let ended = self.process.as_mut().unwrap().try_wait().unwrap().is_some();
            assert!(!ended && begun.elapsed() < LIMIT, "it does not start: {}", self.log());
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Returns the lines that the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Returns a URL of the database `postgres`, without TLS and without a password.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Stops the server: it ends its connections and writes everything.
    pub fn stop(&mut self) {
        self.end("-INT");
    }

    /// Stops the server as a power failure would: nothing is written any more.
    pub fn crash(&mut self) {
        self.end("-QUIT");
    }

    fn end(&mut self, signal: &str) {
        if let Some(mut process) = self.process.take() {
            send(&process, signal);
            process.wait().unwrap();
        }
    }

    /// Executes statements with psql, and returns the rows with columns separated by `|`.
    pub async fn execute(&self, statements: &str) -> String {
        let mut psql = as_postgres("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"])
            .args(["-p", &self.port.to_string(), "-c", statements, "-h"])
            .arg(self.folder.path());
        output(psql).await.trim_end().to_owned()
    }

    /// Starts a standby, which follows `primary` with some delay.
    pub async fn standby_of(primary: &Self) -> Self {
        let mut standby = Self::empty(ServerOptions::default()).await;
        let mut copy = as_postgres("pg_basebackup");
        copy.args(["--no-sync", "--checkpoint=fast", "-R", "-X", "stream", "-U", "postgres"])
            .args(["-p", &primary.port.to_string(), "-h"])
            .arg(primary.folder.path())
            .arg("-D")
            .arg(&standby.data);
        output(copy).await;
        standby.run().await;
        standby
    }

    /// Waits until a standby has applied everything that this server has written so far.
    pub async fn is_followed_by(&self, standby: &Self) {
        let written = self.execute("select pg_current_wal_lsn()").await;
        let statement = format!("select pg_last_wal_replay_lsn() >= '{written}'::pg_lsn");
        while standby.execute(&statement).await != "t" {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Makes a standby a server that accepts writes.
    pub async fn promote(&self) {
        assert_eq!(self.execute("select pg_promote()").await, "t");
    }

    /// Fills the disk for tables.
    pub fn fill_disk(&self) {
        self.disk.as_ref().expect("an option").fill();
    }

    /// Frees what [`Server::fill_disk`] used.
    pub fn free_disk(&self) {
        self.disk.as_ref().expect("an option").free();
    }
}

fn send(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing needs to be written.
        self.crash();
    }
}
