//! The configuration: read from defaults, file, environment and flags, in this order of rank, and
//! strict: what is not understood stops the start and says what, where and what is accepted.
//!
//! Every error is found at once, not only the first; no error and no `Debug` shows a secret.
//! Relative paths are relative to the working directory. Of the rest of the crate only secrets and
//! the profile file of the cloud's own tools are known here: the binary hands the values down.

mod certificates;
mod keys;
mod problem;
mod project;
mod proxy;
mod reader;
mod secrets;
mod show;
mod source;
mod units;
mod value;

pub use keys::{KEYS, Key, Kind};
pub use problem::{ConfigError, Problem};
pub use project::{Auth, Filter, Project, RESERVED_LABELS};
pub use source::{Flags, Sources, VARIABLE_PREFIX};
pub use units::Bytes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reader::Reader;
use records_api::secret::Source;
use secrets::Wanted;

/// Everything that can be configured in this version.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Section `web`.
    pub web: Web,
    /// Section `log`.
    pub log: Log,
    /// Section `poll`.
    pub poll: Poll,
    /// Section `api`.
    pub api: Api,
    /// `state.directory`; `None` keeps the state in memory only.
    pub state_directory: Option<PathBuf>,
    /// Section `labels`.
    pub labels: Labels,
    /// The projects, in the order of the file.
    pub projects: Vec<Project>,
}

/// How metrics are served.
#[derive(Debug, Clone, PartialEq)]
pub struct Web {
    /// Where to listen.
    pub listen_addresses: Vec<SocketAddr>,
    /// Path of the metrics.
    pub telemetry_path: String,
    /// TLS, basic auth and headers, in the format of the exporter-toolkit. Whoever serves reads it.
    pub config_file: Option<PathBuf>,
    /// Requests beyond this many at once are answered 503.
    pub max_concurrent_requests: usize,
    /// Whether `OpenMetrics` text has series of created timestamps.
    pub created_series: bool,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Least grave level.
    pub level: LogLevel,
    /// Format of a line.
    pub format: LogFormat,
}

/// A level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the usual names")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// A format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the usual names")]
pub enum LogFormat {
    Logfmt,
    Json,
}

/// When and what is polled.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// What starts a poll.
    pub mode: PollMode,
    /// Time from poll to poll.
    pub min_interval: Duration,
    /// Taken off the time that a scrape grants.
    pub timeout_offset: Duration,
    /// Time for a scrape that grants none.
    pub default_timeout: Duration,
    /// Records that began within this long ago are exported.
    pub window: Duration,
    /// The gauges of an older snapshot are not served.
    pub max_staleness: Duration,
    /// Every record of the window is read again at least this often.
    pub reconcile_interval: Duration,
    /// How long a counter that appears shows its last known value.
    pub counter_hold: Duration,
}

/// What labels show.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// How users are named.
    pub user: UserLabel,
    /// The key of their hashes.
    pub user_hash_key: Option<Source>,
    /// Most users of a project that are shown by name.
    pub max_users: usize,
    /// Most pools of a project that are shown by id.
    pub max_pools: usize,
}

/// How users are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserLabel {
    /// By their names.
    Name,
    /// By a hash with a key.
    Hash,
    /// Not at all.
    Drop,
}

/// What starts a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// A scrape that finds one due.
    Scrape,
    /// Time alone.
    Background,
}

/// How the API is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// Rows of a page.
    pub page_size: u32,
    /// Requests under way at once, per project.
    pub max_concurrent_requests: usize,
    /// Requests begun within a second, per project.
    pub max_requests_per_second: f64,
    /// Time for one request.
    pub request_timeout: Duration,
    /// Attempts after the first.
    pub max_retries: usize,
    /// Size of an answer after decompression.
    pub max_response_bytes: Bytes,
    /// Certificates that are trusted, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// The proxy's URL, with user and password if it wants them.
    pub proxy_url: Option<Source>,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const MOST_PROJECTS: usize = 1000;

const USER_HASH_KEY: Wanted = Wanted {
    key: "labels.user_hash_key",
    path: "labels.user_hash_key",
    noun: "key",
    accepts: |text| secrets::is_printable(text) && text.chars().count() >= SHORTEST_HASH_KEY,
    is_exact: false,
};
/// With less, whoever knows a user's name and hash finds the key by trying.
const SHORTEST_HASH_KEY: usize = 16;

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all problems that were found.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(sources)?;
        reader.check_keys(sources);
        let config = Self {
            web: Web::read(&mut reader),
            log: Log::read(&mut reader),
            poll: Poll::read(&mut reader),
            api: Api::read(&mut reader),
            state_directory: reader.directory("state.directory"),
            labels: Labels::read(&mut reader),
            projects: project::read_all(&mut reader, sources, MOST_PROJECTS),
        };
        reader.finish()?;
        Ok(config)
    }

    /// The keys in which another config differs that only a restart changes.
    pub fn differs_for_good(&self, other: &Self) -> Vec<&'static str> {
        let (web, others) = (&self.web, &other.web);
        let differ = [
            ("web.listen_addresses", web.listen_addresses != others.listen_addresses),
            ("web.telemetry_path", web.telemetry_path != others.telemetry_path),
            (
                "web.max_concurrent_requests",
                web.max_concurrent_requests != others.max_concurrent_requests,
            ),
            ("web.config_file", web.config_file != others.config_file),
            ("log", self.log != other.log),
            ("state.directory", self.state_directory != other.state_directory),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// The effective config as TOML, secrets redacted. It can be read again.
    pub fn to_toml(&self) -> String {
        show::to_toml(self)
    }
}

impl Web {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            listen_addresses: reader.addresses("web.listen_addresses"),
            telemetry_path: reader.telemetry_path("web.telemetry_path"),
            config_file: reader.file("web.config_file"),
            max_concurrent_requests: reader.number("web.max_concurrent_requests", 1..=10_000),
            created_series: reader.flag("web.created_series"),
        }
    }
}

impl Log {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            level: reader.choice("log.level", &LogLevel::NAMES),
            format: reader.choice("log.format", &LogFormat::NAMES),
        }
    }
}

impl LogLevel {
    /// Every level with its name; the first is what stands in for a value that is refused.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl LogFormat {
    /// Every format with its name.
    pub const NAMES: [(&'static str, Self); 2] = [("logfmt", Self::Logfmt), ("json", Self::Json)];
}

impl PollMode {
    /// Every mode with its name.
    pub const NAMES: [(&'static str, Self); 2] =
        [("scrape", Self::Scrape), ("background", Self::Background)];
}

impl Poll {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            mode: reader.choice("poll.mode", &PollMode::NAMES),
            min_interval: reader.duration("poll.min_interval", Duration::ZERO..=HOUR),
            timeout_offset: reader.duration("poll.timeout_offset", Duration::ZERO..=MINUTE),
            default_timeout: reader.duration("poll.default_timeout", SECOND / 10..=MINUTE * 10),
            window: reader.duration("poll.window", MINUTE..=DAY * 180),
            max_staleness: reader.duration("poll.max_staleness", SECOND..=DAY * 7),
            reconcile_interval: reader.duration("poll.reconcile_interval", MINUTE..=DAY * 30),
            counter_hold: reader.duration("poll.counter_hold", Duration::ZERO..=HOUR),
        }
    }
}

impl UserLabel {
    /// Every way with its name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("name", Self::Name), ("hash", Self::Hash), ("drop", Self::Drop)];
}

impl Labels {
    fn read(reader: &mut Reader<'_>) -> Self {
        let user = reader.choice("labels.user", &UserLabel::NAMES);
        let user_hash_key = match user {
            UserLabel::Hash => reader.secret_for("labels.user", &USER_HASH_KEY),
            _ => reader.secret(&USER_HASH_KEY),
        };
        Self {
            user,
            user_hash_key,
            max_users: reader.number("labels.max_users", 1..=100_000),
            max_pools: reader.number("labels.max_pools", 1..=100_000),
        }
    }
}

impl Api {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            page_size: reader.number("api.page_size", 1..=1000),
            max_concurrent_requests: reader.number("api.max_concurrent_requests", 1..=64),
            max_requests_per_second: reader.rate("api.max_requests_per_second"),
            request_timeout: reader.duration("api.request_timeout", SECOND / 10..=MINUTE * 5),
            max_retries: reader.number("api.max_retries", 0..=10),
            max_response_bytes: reader
                .bytes("api.max_response_bytes", Bytes::kibibytes(1)..=Bytes::gibibytes(1)),
            ca_file: reader.certificates("api.ca_file"),
            proxy_url: reader.secret(&proxy::PROXY),
        }
    }
}
