//! The config: defaults, the file, the environment and flags, each of which overrides the ones before.
//!
//! Anything that is not understood prevents the start. An error states the place, the problem and the
//! accepted values. All errors are found at once. No error and no `Debug` shows a secret.
//!
//! [`KEYS`] is the only definition of the keys and their accepted values. Reading, `check`, the documentation and
//! the messages follow it. The reader also serves the listener's own YAML file, whose table of keys is
//! in `http`. Relative paths are relative to the working directory.

mod certificates;
mod choices;
mod document;
mod key;
mod keys;
mod kind;
mod listen_address;
mod names;
mod node;
mod part;
mod paths;
mod problem;
mod project;
mod reader;
mod schema;
mod secrets;
mod service_links;
mod sources;
mod state;
mod units;
mod url;
mod variable_name;
mod variables;
mod yaml;

pub use choices::{LogFormat, LogLevel, PollMode, UserLabel};
pub use key::Key;
pub use keys::KEYS;
pub use kind::{Kind, Text};
pub use listen_address::ListenAddress;
pub use problem::{ConfigError, Problem};
pub use project::{
    AccessKey, Auth, EcsAgency, Filter, Password, ProfileFile, Project, RESERVED_LABELS, Token,
};
pub use sources::{DEFAULT_FILE, Flags, Sources};
pub use state::{State, StateDatabase};
pub use units::Bytes;
pub use variable_name::VARIABLE_PREFIX;

pub(crate) use document::read_file;
pub(crate) use kind::{Typed, any_of};
pub(crate) use node::{Entry, Node, is_pem};
pub(crate) use problem::Place;
pub(crate) use project::check_label;
pub(crate) use reader::{Read, Reader};
pub(crate) use schema::Schema;
pub(crate) use yaml::parse_yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::url::Url;
use part::{Part, Section, plain_part, section};
use records_api::secret::Source;

section! {
    /// The whole config.
    pub struct Config {
        /// Section `web`: the metrics server.
        pub web: Web,
        /// Section `log`: severity and format of log messages.
        pub log: Log,
        /// Section `poll`: time and extent of polls.
        pub poll: Poll,
        /// Section `api`: limits and transport of requests.
        pub api: Api,
        /// Section `state`: storage of counters and records.
        pub state: State,
        /// Section `labels`: content and number of label values.
        pub labels: Labels,
        /// The projects, in the order of the file.
        pub projects: Vec<Project>,
    }
}

section! {
    /// Section `web`: the metrics server.
    pub struct Web {
        /// Addresses to listen on.
        pub listen_addresses: Vec<ListenAddress>,
        /// Path of the metrics.
        pub telemetry_path: String,
        /// URL under which users reach the exporter.
        pub external_url: Option<Url>,
        /// Prefix of all paths; without it, the path of the former.
        pub route_prefix: Option<String>,
        /// File that enables TLS or basic auth, in the format of the exporter-toolkit. `http` reads it.
        pub config_file: Option<PathBuf>,
        /// Further requests at the same time are answered with 503.
        pub max_concurrent_requests: usize,
        /// True if the records themselves are served.
        pub records: bool,
        /// True if `OpenMetrics` text has series of created timestamps.
        pub created_series: bool,
    }
}

section! {
    /// Section `log`: severity and format of log messages.
    pub struct Log {
        /// Minimum severity of messages that are logged.
        pub level: LogLevel,
        /// Format of a line.
        pub format: LogFormat,
    }
}

section! {
    /// Section `poll`: time and extent of polls.
    pub struct Poll {
        /// Event that starts a poll.
        pub mode: PollMode,
        /// Minimum time between the starts of two polls.
        pub min_interval: Duration,
        /// Subtracted from the time that a scrape allows.
        pub timeout_offset: Duration,
        /// Time for a scrape that does not say how much it allows.
        pub default_timeout: Duration,
        /// Records that started within this time before a poll are exported.
        pub window: Duration,
        /// The gauges of an older snapshot are not served.
        pub max_staleness: Duration,
        /// Every record of the window is read again at least this often.
        pub reconcile_interval: Duration,
        /// Time for which a counter that appears shows its last known value.
        pub counter_hold: Duration,
        /// A poll that finds more records of a project fails.
        pub max_records: usize,
    }
}

section! {
    /// Section `api`: limits and transport of requests.
    pub struct Api {
        /// Rows of a page.
        pub page_size: u32,
        /// Requests in progress at the same time, per project.
        pub max_concurrent_requests: usize,
        /// Requests per second, per project.
        pub max_requests_per_second: f64,
        /// Time for one request.
        pub request_timeout: Duration,
        /// Attempts after the first.
        pub max_retries: usize,
        /// Size of an answer after decompression.
        pub max_response_bytes: Bytes,
        /// File of certificates that are trusted, in PEM form.
        pub ca_file: Option<PathBuf>,
        /// URL of a proxy, which may contain a user and a password.
        pub proxy_url: Option<Source>,
    }
}

section! {
    /// Section `labels`: content and number of label values.
    pub struct Labels {
        /// Form of the label `user`.
        pub user: UserLabel,
        /// The key for hashes of users.
        pub user_hash_key: Option<Source>,
        /// Further users of a project are folded into `_other`.
        pub max_users: usize,
        /// Further pools of a project are folded into `_other`.
        pub max_pools: usize,
        /// Further buckets of a project are folded into `_other`.
        pub max_buckets: usize,
        /// Further policies of a project are folded into `_other`.
        pub max_policies: usize,
        /// Longer label values are truncated.
        pub max_value_bytes: usize,
    }
}

plain_part!(Web, Log, Poll, Api, Labels);

impl Web {
    /// Reads this section alone. Of the others only the names of the keys are checked: the secrets of
    /// projects need not be readable.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all errors that were found.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = sources.reader()?;
        let web = Part::read(&mut reader, "web");
        reader.finish()?;
        Ok(web)
    }
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all errors that were found.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::read_all(sources).map_err(|mut error| {
            // The log, which would have the warnings, does not start.
            error.0.extend(sources.misnamed_variables().into_iter().map(|(name, meant)| {
                let text = format!("is not read; did you mean {meant}?");
                Problem::of_file(&Place::of(name), text)
            }));
            error
        })
    }

    fn read_all(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = sources.reader()?;
        let config = Self::read_fields(&mut reader, "");
        config.check_certificates(&mut reader);
        config.check_hash_key(&mut reader);
        config.check_label_lengths(&mut reader);
        refuse_keys_without_others(&mut reader);
        project::check_number(&mut reader, sources);
        reader.finish()?;
        Ok(config)
    }

    /// Otherwise a connection would fail later, with a less helpful message.
    fn check_certificates(&self, reader: &mut Reader<'_>) {
        let checked = self.api.ca_file.as_deref().map_or(Ok(()), certificates::check);
        if let Err(text) = checked {
            reader.problem("api.ca_file", text);
        }
    }

    fn check_hash_key(&self, reader: &mut Reader<'_>) {
        let key = "labels.user_hash_key";
        if self.labels.user == UserLabel::Hash && !reader.has_secret(key) {
            reader.miss_for("labels.user", key);
        }
    }

    /// Labels from the config are not truncated: the name of a project is the target of `/probe`, too.
    fn check_label_lengths(&self, reader: &mut Reader<'_>) {
        let max = self.labels.max_value_bytes;
        // One that is refused has a stand-in here.
        if reader.has_problem("labels.max_value_bytes") {
            return;
        }
        let mut values = vec![("web.telemetry_path".to_owned(), &self.web.telemetry_path)];
        for (number, project) in self.projects.iter().enumerate() {
            let path = format!("projects[{number}]");
            values.push((format!("{path}.name"), &project.name));
            let labels = project.labels.iter();
            values.extend(labels.map(|(name, value)| (format!("{path}.labels.{name}"), value)));
        }
        for (path, value) in values.into_iter().filter(|(_, value)| value.len() > max) {
            let text =
                format!("has {} bytes, more than labels.max_value_bytes ({max})", value.len());
            reader.problem(&path, text);
        }
    }

    /// The directory of the state; `None` keeps it in memory only, or in a database.
    pub fn state_directory(&self) -> Option<&Path> {
        Some(self.state.directory.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// The keys in which another config differs that take effect only after a restart.
    pub fn restart_keys_that_differ(&self, other: &Self) -> Vec<&'static str> {
        let (ours, theirs) = (self.show_fields(), other.show_fields());
        let url = |config: &Self| config.state.database.as_ref().map(|known| known.url.clone());
        let differs = |key: &&Key| match key.path {
            // Its value is redacted in both.
            "state.url" => url(self) != url(other),
            path => value_at(&ours, path) != value_at(&theirs, path),
        };
        let keys = KEYS.iter().filter(|key| key.needs_restart);
        keys.filter(differs).map(|key| key.path).collect()
    }

    /// Returns the effective config as TOML. It can be read again when the redacted secrets are filled in.
    pub fn to_toml(&self) -> String {
        let written = toml::to_string_pretty(&self.show_fields());
        written.unwrap_or_else(|_| unreachable!("tables with text keys are TOML"))
    }
}

/// Reports keys that have an effect only with another one, which is absent.
fn refuse_keys_without_others(reader: &mut Reader<'_>) {
    for key in KEYS {
        let Some(required) = key.requires.filter(|path| !reader.has_secret(path)) else { continue };
        if reader.value(key.path).is_some() {
            let text = format!("has an effect only with {required}; remove it, or set {required}");
            reader.problem(key.path, text);
        }
    }
}

/// The value at a path that is not within a list.
fn value_at<'t>(table: &'t toml::Table, path: &str) -> Option<&'t toml::Value> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, rest)) => value_at(table.get(section)?.as_table()?, rest),
    }
}

impl Part for Vec<Project> {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        project::read_all(reader, path)
    }

    fn show(&self, name: &str) -> Option<(String, toml::Value)> {
        let projects = self.iter().filter_map(|project| Some(project.show("")?.1)).collect();
        Some((name.to_owned(), toml::Value::Array(projects)))
    }
}
