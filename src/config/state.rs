//! The section `state`: a directory, or a database that replicas share.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use super::certificates;
#[cfg(feature = "postgresql")]
use super::keys::DATABASE;
use super::node;
use super::part::{Part, Section, section};
use super::problem::Place;
use super::reader::{Given, Reader, join};
use super::secrets::secret_paths;
#[cfg(feature = "postgresql")]
use records_api::secret::SecretRules;
use records_api::secret::Source;
#[cfg(feature = "postgresql")]
use state_database::Address;

/// Section `state`: storage of counters and records.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// A directory; empty to keep the state in memory only, and with a database.
    pub directory: PathBuf,
    /// A database in place of the directory.
    pub database: Option<StateDatabase>,
}

section! {
    /// A database that replicas share, and the part of this replica in it.
    pub struct StateDatabase {
        /// URL, with user and password. Read it with [`StateDatabase::address`].
        pub url: Source,
        /// File of certificates that are trusted, in PEM form.
        pub ca_file: Option<PathBuf>,
        /// True if connections may be without TLS, or to a server whose certificate is not verified.
        pub insecure_tls: bool,
        /// Time for which a replica leads a project without extending its lease.
        pub lease: Duration,
        /// Name of this replica, for people.
        pub replica: String,
    }
}

impl Part for State {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        let (directory, url) = (join(path, "directory"), join(path, "url"));
        if !reader.has_secret(&url) {
            let directory = read_directory(reader, &directory);
            return Self { directory, database: None };
        }
        // Its default applies only without a database.
        if reader.value(&directory).is_some() {
            let given = read_directory(reader, &directory);
            if !given.as_os_str().is_empty() {
                let text = "is set, and so is state.url; remove one of them";
                reader.problem(&directory, text);
            }
        }
        let database = read_database(reader, path, &url);
        Self { directory: PathBuf::new(), database: Some(database) }
    }

    fn show(&self, name: &str) -> Option<(String, Value)> {
        let shown = match &self.database {
            Some(database) => database.show_fields(),
            None => Part::show(&self.directory, "directory").into_iter().collect(),
        };
        Some((name.to_owned(), Value::Table(shown)))
    }
}

/// Reads the directory. A URL in its place would be created as a directory, whose path is shown.
fn read_directory(reader: &mut Reader<'_>, path: &str) -> PathBuf {
    let text = reader.value(path).and_then(|given| given.value.as_text()).unwrap_or_default();
    if text.trim_start().to_lowercase().starts_with("postgres") && text.contains("://") {
        reader.problem(path, "is the URL of a database (not shown); its key is url");
        return PathBuf::new();
    }
    Part::read(reader, path)
}

fn read_database(reader: &mut Reader<'_>, path: &str, url: &str) -> StateDatabase {
    let replica = join(path, "replica");
    if reader.value(&replica).is_none() {
        let place = Place::of("the host name");
        reader.add(&replica, Given { place, value: node::Value::Text(host_name()) });
    }
    let database = StateDatabase::read_fields(reader, path);
    if let Some(Err(text)) = database.ca_file.as_deref().map(certificates::check) {
        reader.problem(&join(path, "ca_file"), text);
    }
    let given = secret_paths(url).into_iter().find(|path| reader.value(path).is_some());
    let given = given.unwrap_or_else(|| url.to_owned());
    // A URL that is refused has a stand-in.
    if !reader.has_problem(&given)
        && let Err(text) = database.check()
    {
        reader.problem(&given, text);
    }
    database
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl StateDatabase {
    /// Rules for the URL.
    #[cfg(feature = "postgresql")]
    pub(crate) const URL: SecretRules = DATABASE;

    /// Reads the URL and parses it. Blocks the thread.
    ///
    /// # Errors
    ///
    /// A message that shows of the URL only hosts and database.
    #[cfg(feature = "postgresql")]
    pub fn address(&self) -> Result<Address, String> {
        Self::address_at(&self.url, self.insecure_tls)
    }

    /// The same for a URL that is not in the config.
    #[cfg(feature = "postgresql")]
    pub(crate) fn address_at(url: &Source, insecure_tls: bool) -> Result<Address, String> {
        let url = url.read_blocking()?;
        let address = Address::parse(url.expose())
            .map_err(|error| format!("the URL (not shown) is not accepted: {error}"))?;
        if address.uses_tls() || address.is_loopback() || insecure_tls {
            return Ok(address);
        }
        Err(format!(
            "the password and the state would be sent to {address} in clear text. Remove sslmode=disable from \
             the URL, or set state.insecure_tls = true"
        ))
    }

    #[cfg(feature = "postgresql")]
    fn check(&self) -> Result<(), String> {
        self.address().map(drop)
    }

    #[cfg(not(feature = "postgresql"))]
    #[expect(clippy::unused_self, reason = "the other build reads the URL")]
    fn check(&self) -> Result<(), String> {
        Err("this build does not support databases; build it with --features postgresql".to_owned())
    }
}
