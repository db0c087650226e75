//! Authentication: the methods, and the credentials that each obtains, caches and renews.

mod agency;
mod cache;
mod iam;
pub mod profile;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::timeout;

pub use agency::Agency;
use cache::{CredentialCache, Pauses};
pub use iam::IamUser;

use crate::blocking::run_blocking;
use crate::call::{CredentialSource, RetryingClient};
use crate::credentials::{AccessKey, Credentials, Fingerprint};
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;
use crate::secret::{LastValid, Source};
use profile::Profile;

/// A method of authentication.
#[derive(Debug)]
pub enum Auth {
    /// A token that something else obtains.
    Token(Source),
    /// The password of an IAM user, with which the client obtains tokens.
    Password(IamUser),
    /// An access key, with which requests are signed.
    AccessKey {
        /// The ID of the key (AK).
        access_key: Source,
        /// The secret of the key (SK).
        secret_key: Source,
        /// The token that belongs to a temporary key.
        security_token: Option<Source>,
    },
    /// Temporary access keys from the metadata service of the cloud server.
    EcsAgency(Arc<Agency>),
    /// The access key in a profile file, which is read again for each request.
    Profile(PathBuf),
}

/// Method and expiry of a project's credentials, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn {
    /// The method, as in the key `projects.auth.method`.
    pub method: &'static str,
    /// When the token or the temporary key expires; `None` if there is none yet, or if the expiry
    /// is unknown.
    pub expires: Option<Timestamp>,
}

/// The credentials of a project.
pub(crate) struct Session {
    auth: Auth,
    client: Arc<RetryingClient>,
    /// Tokens of the IAM user.
    cache: CredentialCache,
    /// The configured credentials as they were last read.
    last: LastValid<Credentials>,
    /// Identifies `last`.
    last_fingerprint: Mutex<Option<Fingerprint>>,
}

/// Tokens are valid for hours. The pause after a success matters only if IAM returns tokens that
/// are valid for seconds.
const TOKEN_PAUSES: Pauses =
    Pauses { after_success: Duration::from_secs(5), after_failure: Duration::from_secs(30) };

impl Session {
    pub(crate) fn new(auth: Auth, client: Arc<RetryingClient>) -> Self {
        let cache = CredentialCache::new(Endpoint::IamTokens, TOKEN_PAUSES);
        let (last, last_fingerprint) = (LastValid::default(), Mutex::default());
        Self { auth, client, cache, last, last_fingerprint }
    }

    pub(crate) fn sign_in(&self) -> SignIn {
        let (method, expires) = match &self.auth {
            Auth::Token(_) => ("token", None),
            Auth::Password(_) => ("password", self.cache.expires()),
            Auth::AccessKey { .. } => ("aksk", None),
            Auth::EcsAgency(agency) => ("ecs-agency", agency.cache.expires()),
            Auth::Profile(_) => ("profile", None),
        };
        SignIn { method, expires }
    }

    async fn obtain(&self) -> Result<Credentials, ApiError> {
        let client = &*self.client;
        let renewal_failed = |error: &ApiError| client.renewal_failed(error);
        match &self.auth {
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Profile(_) => {
                self.read(Endpoint::ScreenRecords).await
            }
            Auth::Password(user) => {
                let token = async {
                    let password = self.read(Endpoint::IamTokens).await?;
                    user.sign_in(client, &password).await
                };
                self.cache.get(token, renewal_failed).await
            }
            Auth::EcsAgency(agency) => agency.cache.get(agency.fetch(client), renewal_failed).await,
        }
    }

    /// Reads the configured credentials, within the time limit of a request. While they are not valid,
    /// returns the last valid ones.
    async fn read(&self, endpoint: Endpoint) -> Result<Credentials, ApiError> {
        let read = timeout(self.client.limits.request_timeout, self.auth.read()).await;
        let read =
            read.unwrap_or_else(|_| Err("timed out reading the file of a secret".to_owned()));
        let credentials =
            self.last.update(read).map_err(|what| ApiError::Credentials { endpoint, what })?;
        *self.last_fingerprint.lock() = Some(credentials.fingerprint());
        Ok(credentials)
    }

    /// Returns true if the configured credentials have changed since they were last read, and lets the
    /// next request use them.
    pub(crate) async fn has_changed(&self) -> bool {
        if matches!(self.auth, Auth::EcsAgency(_)) {
            return false;
        }
        let before = *self.last_fingerprint.lock();
        let Ok(credentials) = self.read(Endpoint::ScreenRecords).await else { return false };
        let has_changed = before != Some(credentials.fingerprint());
        if has_changed {
            self.cache.renew_now();
        }
        has_changed
    }

    /// Returns the fingerprint of the configured credentials as they were last read.
    pub(crate) fn configured(&self) -> Option<Fingerprint> {
        *self.last_fingerprint.lock()
    }

    /// Returns what is wrong with the configured credentials, if the last valid ones are used in their
    /// place.
    pub(crate) fn problem(&self) -> Option<String> {
        self.last.problem()
    }
}

impl CredentialSource for Session {
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, ApiError>> {
        Box::pin(self.obtain())
    }

    fn invalidate(&self, credentials: Fingerprint) -> bool {
        match &self.auth {
            Auth::Password(_) => self.cache.invalidate(credentials),
            Auth::EcsAgency(agency) => agency.cache.invalidate(credentials),
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Profile(_) => false,
        }
    }

    fn origin(&self) -> Option<Fingerprint> {
        match &self.auth {
            Auth::Token(_) | Auth::AccessKey { .. } | Auth::Profile(_) => None,
            Auth::Password(_) => self.configured(),
            Auth::EcsAgency(agency) => Some(agency.fingerprint()),
        }
    }
}

impl Auth {
    /// Reads the configured credentials.
    ///
    /// # Errors
    ///
    /// A message about the file that is not valid.
    async fn read(&self) -> Result<Credentials, String> {
        match self {
            Self::Token(token) => Ok(Credentials::Token(token.read().await?)),
            Self::Password(user) => user.credentials().await,
            Self::AccessKey { access_key, secret_key, security_token } => {
                let security_token = match security_token {
                    Some(token) => Some(token.read().await?),
                    None => None,
                };
                let (id, secret) = (access_key.read().await?, secret_key.read().await?);
                Ok(Credentials::AccessKey(AccessKey { id, secret, security_token }))
            }
            Self::Profile(path) => read_profile(path.clone()).await.map(Credentials::AccessKey),
            Self::EcsAgency(_) => Err("an agency has no configured credentials".to_owned()),
        }
    }
}

/// Reads the access key in a profile file.
async fn read_profile(path: PathBuf) -> Result<AccessKey, String> {
    let shown = path.display().to_string();
    let read = run_blocking(move || Profile::read(&path)).await;
    let profile = read.map_err(|panicked| format!("reading the file {shown} was {panicked}"))??;
    let (id, secret) = profile.keys().map_err(|what| format!("the file {shown} {what}"))?;
    let (id, secret) = (id.clone(), secret.clone());
    Ok(AccessKey { id, secret, security_token: profile.security_token })
}
