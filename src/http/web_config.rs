//! The listener's own config: TLS, basic auth, headers and a rate limit, in the format of the
//! exporter-toolkit's `web-config.yml`.
//!
//! The file and the files that it names are checked every second and read again after a change. An
//! invalid one changes nothing: the last valid config stays in force, and the log says why. So a
//! certificate that is written before its key needs no further action.

mod client_auth;
mod keys;
mod passwords;
mod rate;
mod settings;
mod sign_in_queue;
mod stamp;
mod tls;
mod tls_names;
mod tls_settings;
mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::client_address::ClientAddress;
use crate::config::{ConfigError, Place, Problem, parse_yaml, read_file};
use passwords::Passwords;
pub(super) use passwords::SignIn;
use rate::Bucket;
use records_api::{file, run_blocking};
use settings::Settings;
use stamp::Stamp;
use tls::Tls;
use users::Users;

/// Time until a change is noticed.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The config in force for the listeners. Clones share it.
#[derive(Clone)]
pub struct WebConfig(Arc<Shared>);

struct Shared {
    /// `None` without a file.
    path: Option<PathBuf>,
    in_force: watch::Sender<Arc<InForce>>,
    /// State of the files when they were last read, valid or not.
    seen: Mutex<Stamp>,
    passwords: Passwords,
}

/// The config as the file has it.
#[derive(Default)]
pub(super) struct InForce {
    tls: Option<Tls>,
    headers: Vec<(HeaderName, HeaderValue)>,
    bucket: Option<Bucket>,
    users: Option<Users>,
}

impl WebConfig {
    /// Without a file: plain HTTP for everybody.
    pub fn none() -> Self {
        Self::new(None, InForce::default(), Stamp::default())
    }

    /// Reads the file and the files that it names. Blocks the thread.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all errors that were found. It contains no secret.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        let mut seen = Stamp::default();
        let in_force = read(path, &mut seen, &InForce::default())?;
        Ok(Self::new(Some(path.to_owned()), in_force, seen))
    }

    fn new(path: Option<PathBuf>, in_force: InForce, seen: Stamp) -> Self {
        let (in_force, _) = watch::channel(Arc::new(in_force));
        Self(Arc::new(Shared {
            path,
            in_force,
            seen: Mutex::new(seen),
            passwords: Passwords::new(),
        }))
    }

    /// `https` or `http`, as it is in force now.
    pub fn scheme(&self) -> &'static str {
        if self.in_force().tls.is_some() { "https" } else { "http" }
    }

    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.borrow().clone()
    }

    /// Receives each change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<Arc<InForce>> {
        self.0.in_force.subscribe()
    }

    /// Checks whether a client that sends these headers is one of the users.
    pub(super) async fn sign_in(
        &self,
        in_force: &InForce,
        client: ClientAddress,
        headers: &HeaderMap,
    ) -> SignIn {
        match &in_force.users {
            Some(users) => users.check(client, headers, &self.0.passwords).await,
            None => SignIn::Accepted,
        }
    }

    /// Reads the file again after a change, until `shutdown`.
    pub(super) async fn keep_current(self, shutdown: CancellationToken) {
        if self.0.path.is_none() {
            return;
        }
        while shutdown.run_until_cancelled(tokio::time::sleep(CHECK_EVERY)).await.is_some() {
            let this = self.clone();
            // A file system that hangs blocks only this task.
            if let Err(error) = run_blocking(move || this.check()).await {
                tracing::error!(%error, "the check for changes of the web config was interrupted");
            }
        }
    }

    /// Reads the files if one of them has changed.
    fn check(&self) {
        let Some(path) = &self.0.path else { return };
        let mut seen = self.0.seen.lock();
        if seen.is_current() {
            return;
        }
        *seen = Stamp::default();
        match read(path, &mut seen, &self.in_force()) {
            Ok(new) => {
                let (tls, users) = (new.tls.is_some(), new.users.as_ref().map_or(0, Users::count));
                tracing::info!(file = %path.display(), tls, users, "web config reloaded");
                self.0.in_force.send_replace(Arc::new(new));
            }
            Err(error) => tracing::error!(
                file = %path.display(),
                error = error.summary(),
                remedy = "correct it: it is read again as soon as it or a file that it names changes",
                "web config reload failed, the last valid web config stays in force"
            ),
        }
    }
}

/// Reads the file and the files that it names, and notes in `seen` how they looked before.
fn read(path: &Path, seen: &mut Stamp, before: &InForce) -> Result<InForce, ConfigError> {
    let place = Place::of(path.display().to_string());
    let failed = |problems| ConfigError(problems).by_line();
    seen.add(path);
    let settings = settings(path, &place)?;
    for path in settings.files() {
        seen.add(path);
    }
    // A file that protects less than before may be half written.
    let loses = [
        (before.tls.is_some() && settings.tls.is_none()).then_some("tls_server_config"),
        (before.users.is_some() && settings.users.is_none()).then_some("basic_auth_users"),
    ];
    if let Some(lost) = loses.into_iter().flatten().next() {
        let text = format!("has no {lost} any more; to serve without it, restart");
        return Err(failed(vec![Problem::of_file(&place, text)]));
    }
    let tls = settings.tls.as_ref().map(tls::tls).transpose().map_err(failed)?;
    let Settings { headers, users, rate, .. } = settings;
    Ok(InForce { tls, headers, bucket: rate.map(Bucket::new), users })
}

/// Reads the file alone.
fn settings(path: &Path, place: &Place) -> Result<Settings, ConfigError> {
    let root = text(path, place).and_then(|text| parse_yaml(&text, place));
    let root = root.map_err(|problem| ConfigError(vec![problem]))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Settings::read(&root, place, folder).map_err(ConfigError::by_line)
}

fn text(path: &Path, place: &Place) -> Result<String, Problem> {
    if file::is_pipe(path) {
        let text = "is a pipe, which cannot be read again. Use a regular file";
        return Err(Problem::of_file(place, text));
    }
    read_file(path, "--web.config.file or web.config_file")
}

impl InForce {
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.as_ref().map(|tls| tls.server.clone())
    }

    /// True if a connection that was accepted by `other` satisfies this config, too.
    pub(super) fn accepts_connections_of(&self, other: &Self) -> bool {
        match (&self.tls, &other.tls) {
            (Some(own), Some(other)) => own.requirements == other.requirements,
            (own, other) => own.is_none() && other.is_none(),
        }
    }

    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// True if the rate allows one more answer.
    pub(super) fn has_room(&self) -> bool {
        self.bucket.as_ref().is_none_or(Bucket::take)
    }
}
