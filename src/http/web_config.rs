//! The listener's own config: TLS, who may ask, headers and a rate, in the format of the
//! exporter-toolkit's `web-config.yml`.
//!
//! The file and those that it names are looked at every second, and read again when they have
//! changed. A new one that is broken changes nothing: what was read last stays in force, and the log
//! says why. So a certificate that is written before its key heals by itself.

mod client_auth;
mod document;
mod problem;
mod rate;
mod reading;
mod settings;
mod stamp;
mod tls;
mod tls_settings;
mod users;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use problem::WebConfigError;

use problem::Problem;
use rate::Bucket;
use records_api::file;
use settings::Settings;
use stamp::Stamp;
use users::{Passwords, Users};

/// A hundred users need a hundredth of this.
const LARGEST_FILE_BYTES: u64 = 1 << 20;
/// How soon a change is seen.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// What is in force for the listeners. Clones share it.
#[derive(Clone)]
pub struct WebConfig(Arc<Shared>);

struct Shared {
    /// `None`: there is no file.
    path: Option<PathBuf>,
    in_force: watch::Sender<Arc<InForce>>,
    /// How the files looked when they were read last, well or badly.
    seen: Mutex<Stamp>,
    passwords: Passwords,
}

/// One reading of the file.
#[derive(Default)]
pub(super) struct InForce {
    tls: Option<Arc<ServerConfig>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    bucket: Option<Bucket>,
    users: Option<Users>,
}

impl WebConfig {
    /// Without a file: plain HTTP, and everybody may ask.
    pub fn none() -> Self {
        Self::new(None, InForce::default(), Stamp::default())
    }

    /// Reads the file and those that it names. Blocks while it reads.
    ///
    /// # Errors
    ///
    /// [`WebConfigError`] with all problems that were found; no secret stands in it.
    pub fn open(path: &Path) -> Result<Self, WebConfigError> {
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

    /// `https` or `http`, as it is now.
    pub fn scheme(&self) -> &'static str {
        if self.in_force().tls.is_some() { "https" } else { "http" }
    }

    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.borrow().clone()
    }

    /// Sees each change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<Arc<InForce>> {
        self.0.in_force.subscribe()
    }

    /// Whether who sends these headers may ask.
    pub(super) async fn admits(&self, in_force: &InForce, headers: &HeaderMap) -> bool {
        match &in_force.users {
            Some(users) => users.admit(headers, &self.0.passwords).await,
            None => true,
        }
    }

    /// Reads the file again when it has changed, until `shutdown`.
    pub(super) async fn keep_current(self, shutdown: CancellationToken) {
        if self.0.path.is_none() {
            return;
        }
        while shutdown.run_until_cancelled(tokio::time::sleep(CHECK_EVERY)).await.is_some() {
            let this = self.clone();
            // A file system that hangs holds this one task up, and nobody who serves.
            if let Err(error) = tokio::task::spawn_blocking(move || this.check()).await {
                tracing::error!(%error, "looking at the web config broke off");
            }
        }
    }

    /// Looks at the files, and reads them if one has changed.
    fn check(&self) {
        let Some(path) = &self.0.path else { return };
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_current() {
            return;
        }
        *seen = Stamp::default();
        match read(path, &mut seen, &self.in_force()) {
            Ok(new) => {
                let (tls, users) = (new.tls.is_some(), new.users.as_ref().map_or(0, Users::count));
                tracing::info!(file = %path.display(), tls, users, "the web config was read again");
                self.0.in_force.send_replace(Arc::new(new));
            }
            Err(error) => tracing::error!(
                file = %path.display(),
                error = error.summary().replace('\n', "; "),
                remedy = "put it right: it is read again as soon as it or a file in it changes",
                "the web config has changed and cannot be used, so the last good one stays in force"
            ),
        }
    }
}

/// Reads the file and what it names, and notes in `seen` how they looked before.
fn read(path: &Path, seen: &mut Stamp, before: &InForce) -> Result<InForce, WebConfigError> {
    let failed = |problems| WebConfigError::new(path, problems);
    seen.add(path);
    let text = text(path).map_err(|problem| failed(vec![problem]))?;
    let document = document::parse(&text).map_err(|problem| failed(vec![problem]))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let settings = Settings::read(&document, folder).map_err(failed)?;
    for path in settings.files() {
        seen.add(path);
    }
    // What asks less of clients than before may be half of a file that is being written.
    let loses = [
        (before.tls.is_some() && settings.tls.is_none()).then_some("tls_server_config"),
        (before.users.is_some() && settings.users.is_none()).then_some("basic_auth_users"),
    ];
    if let Some(lost) = loses.into_iter().flatten().next() {
        let text = format!("has no {lost} any more; to serve without, restart");
        return Err(failed(vec![Problem::of_file(text)]));
    }
    let tls = settings.tls.as_ref().map(tls::server_config).transpose().map_err(failed)?;
    let Settings { headers, users, rate, .. } = settings;
    Ok(InForce { tls, headers, bucket: rate.map(Bucket::new), users })
}

fn text(path: &Path) -> Result<String, Problem> {
    let remedy = "Name another with --web.config.file or web.config_file";
    if file::is_pipe(path) {
        return Err(Problem::of_file(format!("is a pipe, which cannot be read again. {remedy}")));
    }
    file::read_text(path, LARGEST_FILE_BYTES)
        .map_err(|error| Problem::of_file(format!("cannot be read: {error}. {remedy}")))
}

impl InForce {
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.clone()
    }

    pub(super) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// Whether the rate allows one more answer.
    pub(super) fn has_room(&self) -> bool {
        self.bucket.as_ref().is_none_or(Bucket::take)
    }
}
