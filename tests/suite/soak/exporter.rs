//! The exporter as a process under the simulated clock, through restarts.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::clock::Clock;
use super::scraper::Scraper;
use crate::listener::certificates::Authority;
use crate::support::{Exporter, Process, ReservedPort, binary, client_builder, write};

/// User and password of the scrapers.
pub(super) const LOGIN: (&str, &str) = ("prometheus", "correct horse: battery");
/// Real time after which an answer counts as waiting for simulated time to pass.
const STALL: Duration = Duration::from_millis(10);
/// Real time within which a scrape is answered, on a machine that is busy.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Resources that the process uses at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) resident_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) disk_bytes: u64,
}

/// The exporter, its files and its clients.
pub(super) struct Daemon {
    process: Process,
    program: Option<String>,
    folder: PathBuf,
    port: ReservedPort,
    authority: Authority,
    scraper: Scraper,
    /// Connects anew for each request.
    visitor: reqwest::Client,
    /// Whether an answer may wait for a retry or a timeout.
    pub(super) is_api_faulty: bool,
    /// Log of the processes that have ended.
    earlier_log: String,
}

impl Daemon {
    pub(super) async fn start(folder: &Path, clock: &Clock, config: &str) -> Self {
        let authority = Authority::new();
        replace_certificate(folder, &authority);
        let hash = bcrypt::hash(LOGIN.1, 4).unwrap();
        let web = format!(
            "tls_server_config:\n  cert_file: tls/server.crt\n  key_file: tls/server.key\n\
             basic_auth_users:\n  {}: {hash}\n",
            LOGIN.0
        );
        write(folder, "web-config.yml", &web);
        write(folder, "config.toml", config);
        let pem = std::fs::read(folder.join("tls/server-ca.crt")).unwrap();
        let authority_of_client = reqwest::Certificate::from_pem(&pem).unwrap();
        let visitor = client_builder().tls_certs_only([authority_of_client]).no_gzip();
        let visitor = visitor.pool_max_idle_per_host(0).timeout(ANSWER_LIMIT).build().unwrap();
        let (port, program) = (ReservedPort::new(), std::env::var("SOAK_EXPORTER").ok());
        let process = run(program.as_deref(), folder, &port, clock).await;
        let address = port.address.clone();
        Self {
            process,
            program,
            folder: folder.to_owned(),
            port,
            authority,
            scraper: Scraper::new(&address, LOGIN, &folder.join("tls/server-ca.crt")),
            visitor,
            is_api_faulty: false,
            earlier_log: String::new(),
        }
    }

    /// Ends the process by a signal and starts the next one.
    pub(super) async fn restart(&mut self, signal: &str, clock: &Clock) {
        self.signal(signal);
        while !self.process.ended() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.earlier_log = self.log();
        self.process = run(self.program.as_deref(), &self.folder, &self.port, clock).await;
    }

    pub(super) fn write_config(&self, config: &str) {
        write(&self.folder, "config.toml", config);
    }

    /// Replaces the certificate by another one of the same authority.
    pub(super) fn replace_certificate(&self) {
        replace_certificate(&self.folder, &self.authority);
    }

    pub(super) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.process.id()]).status().unwrap();
        assert!(sent.success());
    }

    /// Scrapes in a format. While an answer waits for time to pass, time passes.
    pub(super) async fn scrape(&mut self, clock: &Clock, accept: &str) -> Bytes {
        let (is_api_faulty, address) = (self.is_api_faulty, self.port.address.clone());
        let answer = timeout(ANSWER_LIMIT, self.scraper.scrape(accept));
        let answer = patiently(clock, is_api_faulty, &address, answer).await;
        answer.unwrap_or_else(|_| panic!("no answer: {}", self.log()))
    }

    /// Sends a request on a new connection. Returns the status and the body.
    pub(super) async fn request(
        &self,
        clock: &Clock,
        method: reqwest::Method,
        path: &str,
        password: &str,
    ) -> (u16, Bytes) {
        let url = format!("https://{}{path}", self.port.address);
        let request = self.visitor.request(method, url).basic_auth(LOGIN.0, Some(password));
        let (is_api_faulty, address) = (self.is_api_faulty, &self.port.address);
        let response = patiently(clock, is_api_faulty, address, request.send()).await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    }

    /// Returns everything that was logged.
    pub(super) fn log(&self) -> String {
        self.earlier_log.clone() + &self.process.stderr()
    }

    pub(super) fn usage(&self) -> Usage {
        let proc = PathBuf::from(format!("/proc/{}", self.process.id()));
        let status = std::fs::read_to_string(proc.join("status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Usage {
            resident_bytes: number("VmRSS:") * 1024,
            descriptors: std::fs::read_dir(proc.join("fd")).unwrap().count() as u64,
            threads: number("Threads:"),
            disk_bytes: used_bytes(&self.folder.join("state")),
        }
    }

    /// Removes the state of a project, as an operator may.
    pub(super) fn remove_state(&self, project: &str) {
        std::fs::remove_file(self.folder.join(format!("state/{project}.redb"))).unwrap();
    }
}

/// Waits for an answer. If it waits for simulated time, lets time pass.
async fn patiently<T>(
    clock: &Clock,
    is_api_faulty: bool,
    address: &str,
    answer: impl Future<Output = T>,
) -> T {
    let mut answer = std::pin::pin!(answer);
    loop {
        if let Ok(answer) = timeout(STALL, &mut answer).await {
            return answer;
        }
        // Otherwise the machine is busy.
        if is_api_faulty && clock.has_waiter() {
            clock.advance(Duration::from_millis(500));
            // The process notices the time when something happens.
            let _ = TcpStream::connect(address).await;
        }
    }
}

/// Writes a new certificate with its key. Both take effect at once, as in a volume of Kubernetes.
fn replace_certificate(folder: &Path, authority: &Authority) {
    let (new, link, next) = (folder.join("new"), folder.join("tls"), folder.join("next"));
    std::fs::create_dir_all(&new).unwrap();
    let files = tempfile::tempdir_in(&new).unwrap().keep();
    authority.server().write(&files, "server");
    std::os::unix::fs::symlink(files, &next).unwrap();
    std::fs::rename(next, link).unwrap();
}

/// Starts the process and waits until it listens.
async fn run(program: Option<&str>, folder: &Path, port: &ReservedPort, clock: &Clock) -> Process {
    let mut command = program.map_or_else(binary, Command::new);
    command.env_clear().current_dir(folder).args(["--web.config.file", "web-config.yml"]);
    command.args(["--web.listen-address", &port.address]);
    clock.rule(&mut command);
    Exporter::of(Process::start(&mut command)).await.process
}

/// Returns the space that the files of a folder use on disk.
fn used_bytes(folder: &Path) -> u64 {
    let entries =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    entries.map(|metadata| metadata.blocks() * 512).sum()
}
