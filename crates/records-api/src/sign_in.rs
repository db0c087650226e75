//! How requests prove who asks: the methods, and what each obtains, keeps and renews.

mod agency;
mod backoff;
mod cache;
mod cause;
pub(crate) mod credentials;
mod iam;
pub mod profile;
mod signature;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

pub use agency::Agency;
pub(crate) use backoff::CallKey;
pub use backoff::CredentialBackoff;
use cache::CredentialCache;
pub use cause::Cause;
pub use iam::IamUser;

use crate::client::retry::{CredentialSource, RetryingClient};
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::record::Timestamp;
use crate::secret::Source;
use credentials::{Credentials, Fingerprint};
use profile::Profile;
use signature::AccessKey;

/// How to prove who asks.
#[derive(Debug)]
pub enum Auth {
    /// By a token made elsewhere.
    Token(Source),
    /// By tokens that IAM gives to a user with a password.
    Password(IamUser),
    /// By signing with an access key.
    AccessKey {
        /// The id of the key.
        access_key: Source,
        /// What it signs with.
        secret_key: Source,
        /// What a temporary key needs too.
        security_token: Option<Source>,
    },
    /// By signing with temporary keys of the machine.
    EcsAgency(Arc<Agency>),
    /// By signing with the key of a profile file, which is read again for every request.
    Profile(PathBuf),
}

/// Where a project stands with its credentials, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn {
    /// The method, as the config names it.
    pub method: &'static str,
    /// When what was obtained expires; `None` if nothing was, or nobody knows.
    pub expires: Option<Timestamp>,
}

/// What a project proves itself with.
pub(crate) struct Session {
    auth: Auth,
    client: Arc<RetryingClient>,
    /// The token of an IAM user.
    cache: CredentialCache,
}

/// After a sign-in at IAM that succeeded, and after one that failed. Tokens live for hours: the first
/// is against an IAM that gives them for seconds.
const SIGN_IN_PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

impl Session {
    pub(crate) fn new(auth: Auth, client: Arc<RetryingClient>) -> Self {
        Self { auth, client, cache: CredentialCache::new(Endpoint::IamTokens, SIGN_IN_PAUSES) }
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
        let endpoint = Endpoint::ScreenRecords;
        let client = &*self.client;
        let failed = |error: &ApiError| client.renewal_failed(error);
        match &self.auth {
            Auth::Token(token) => Ok(Credentials::Token(client.secret(endpoint, token).await?)),
            Auth::Password(user) => self.cache.get(user.sign_in(client), failed).await,
            Auth::EcsAgency(agency) => agency.cache.get(agency.fetch(client), failed).await,
            Auth::AccessKey { access_key, secret_key, security_token } => {
                let security_token = match security_token {
                    Some(token) => Some(client.secret(endpoint, token).await?),
                    None => None,
                };
                Ok(Credentials::AccessKey(AccessKey {
                    id: client.secret(endpoint, access_key).await?,
                    secret: client.secret(endpoint, secret_key).await?,
                    security_token,
                }))
            }
            Auth::Profile(path) => {
                let key = read_profile(path.clone());
                let key = timeout(client.limits.request_timeout, key).await;
                key.unwrap_or_else(|_| Err("the profile file does not answer".to_owned()))
                    .map(Credentials::AccessKey)
                    .map_err(|what| ApiError::Credentials { endpoint, what })
            }
        }
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
}

/// The access key that stands in a profile file now.
async fn read_profile(path: PathBuf) -> Result<AccessKey, String> {
    let shown = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || Profile::read(&path)).await;
    let profile = read.map_err(|_| format!("reading the file {shown} was interrupted"))??;
    let (id, secret) = profile.keys().map_err(|what| format!("the file {shown} {what}"))?;
    let (id, secret) = (id.clone(), secret.clone());
    Ok(AccessKey { id, secret, security_token: profile.security_token })
}
