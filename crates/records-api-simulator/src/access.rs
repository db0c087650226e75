//! Credentials: the ones that exist, how they are issued (IAM, the metadata service), and how a
//! request is authenticated.
//!
//! Written from the gateway's documents, never from the client's code. While no credential is
//! configured, every request is accepted. Comments mark what no document specifies as invented.

mod credential;
mod iam;
mod keys;
mod lockout;
mod metadata;
mod options;
mod secret_generator;
mod signature;

use http::HeaderMap;

pub(super) use self::iam::IssuedToken;
#[cfg(test)]
pub(super) use self::signature::authorization;
pub use self::{
    credential::Credential,
    lockout::Lock,
    options::{AccessOptions, ImdsVersion},
};

use self::{iam::Iam, keys::AccessKeys, metadata::Metadata, signature::ALGORITHM};
use crate::wire::{
    error::ApiError,
    request::{Endpoint, Request},
};

/// Longer access keys and user names are cut in the request log.
const MAX_LOGGED_CHARS: usize = 128;

/// The credentials that currently exist. Tests change them while the simulator runs.
pub struct Access {
    is_checked: bool,
    static_token: Option<String>,
    keys: AccessKeys,
    iam: Iam,
    metadata: Metadata,
    may_list: bool,
}

impl Access {
    pub(super) fn new(
        options: &AccessOptions,
        static_token: Option<&str>,
        project_id: Option<&str>,
        seed: u64,
    ) -> Self {
        let mut keys = AccessKeys::new();
        if let (Some(access_key), Some(secret_key)) = (&options.access_key, &options.secret_key) {
            keys.configure(access_key, secret_key, options.security_token.as_deref());
        }
        let iam = Iam::new(options, project_id, seed);
        let metadata = Metadata::new(options, seed);
        Self {
            is_checked: static_token.is_some()
                || options.access_key.is_some()
                || iam.has_user()
                || metadata.has_agency(),
            static_token: static_token.map(str::to_owned),
            keys,
            iam,
            metadata,
            may_list: true,
        }
    }

    /// Replaces the configured access key. The previous one becomes unknown.
    pub fn set_key(&mut self, access_key: &str, secret_key: &str, security_token: Option<&str>) {
        self.is_checked = true;
        self.keys.configure(access_key, secret_key, security_token);
    }

    /// Changes the password of the IAM user. Tokens stay valid; see [`Access::revoke_tokens`].
    pub fn set_password(&mut self, password: &str) {
        self.iam.set_password(password);
    }

    /// Invalidates every token that IAM has issued, as happens some time after a change of password
    /// or permissions.
    pub fn revoke_tokens(&mut self) {
        self.iam.revoke_tokens();
    }

    /// Attaches an agency to the server, or detaches it. Issued keys stay valid until they expire.
    pub fn set_agency(&mut self, has_agency: bool) {
        self.is_checked |= has_agency;
        self.metadata.set_agency(has_agency);
    }

    /// Grants or revokes the permission to read records. Without it, requests for records get a
    /// 403.
    pub fn set_permission(&mut self, may_list: bool) {
        self.may_list = may_list;
    }

    /// Returns every lock of an access key or a user so far, oldest first within each kind.
    pub fn locks(&self) -> Vec<Lock> {
        [self.keys.locks(), self.iam.locks()].concat()
    }

    /// Authenticates a request to the records API.
    pub(super) fn authenticate(&mut self, request: &Request<'_>, now: i64) -> Result<(), ApiError> {
        if !self.is_checked {
            return Ok(());
        }
        let project = (request.endpoint != Endpoint::Other).then_some(request.project);
        match authorization_of(request.headers) {
            // Invented: a signature takes precedence over a token.
            Some(authorization) => {
                self.keys.check(authorization, request, now)?;
                let header = request.headers.get("x-project-id").map(http::HeaderValue::as_bytes);
                if header.is_some() && project.is_some() && header != project.map(str::as_bytes) {
                    return Err(ApiError::project_mismatch());
                }
                Ok(())
            }
            None => self.check_token(request.headers, project, now),
        }
    }

    /// Refuses an endpoint that the credentials have no permission for.
    pub(super) fn authorize(&self, endpoint: Endpoint) -> Result<(), ApiError> {
        match endpoint {
            Endpoint::Records | Endpoint::Record if !self.may_list => {
                Err(ApiError::for_status(403))
            }
            _ => Ok(()),
        }
    }

    /// Answers a sign-in request with a token, as IAM does.
    pub(super) fn sign_in(
        &mut self,
        request: &Request<'_>,
        now: i64,
    ) -> Result<IssuedToken, ApiError> {
        let query = request.uri.query().unwrap_or_default();
        let with_catalog = !query.split('&').any(|pair| pair == "nocatalog=true");
        self.iam.sign_in(request.body, with_catalog, now)
    }

    /// Answers a request for a token of the metadata service.
    pub(super) fn metadata_token(
        &mut self,
        request: &Request<'_>,
        now: i64,
    ) -> Result<Vec<u8>, ApiError> {
        self.metadata.token(request.headers, now).map(String::into_bytes)
    }

    /// Answers a request for temporary keys, as the metadata service does.
    pub(super) fn security_key(
        &mut self,
        request: &Request<'_>,
        now: i64,
    ) -> Result<Vec<u8>, ApiError> {
        self.metadata.security_key(&mut self.keys, request.headers, now)
    }

    /// Returns the credential that a request presents.
    pub(super) fn credential_of(&self, request: &Request<'_>) -> Credential {
        match request.endpoint {
            Endpoint::Tokens => iam::user_name(request.body)
                .map_or(Credential::None, |name| Credential::User(truncated(&name))),
            Endpoint::MetadataToken | Endpoint::SecurityKey => self
                .metadata
                .number_of(request.headers)
                .map_or(Credential::None, Credential::MetadataToken),
            Endpoint::Records | Endpoint::Record | Endpoint::Pools | Endpoint::Other => {
                if let Some(authorization) = authorization_of(request.headers) {
                    return signature::Authorization::parse(authorization)
                        .map_or(Credential::None, |signed| {
                            Credential::AccessKey(truncated(&signed.access_key))
                        });
                }
                match request.headers.get("x-auth-token").map(http::HeaderValue::as_bytes) {
                    None => Credential::None,
                    Some(token) if self.is_static(token) => Credential::StaticToken,
                    Some(token) => self
                        .iam
                        .number_of(token)
                        .map_or(Credential::UnknownToken, Credential::Token),
                }
            }
        }
    }

    fn check_token(
        &self,
        headers: &HeaderMap,
        project: Option<&str>,
        now: i64,
    ) -> Result<(), ApiError> {
        match headers.get("x-auth-token").map(http::HeaderValue::as_bytes) {
            Some(token) if self.is_static(token) => Ok(()),
            token => token
                .and_then(|token| self.iam.check(token, project, now))
                .unwrap_or_else(|| Err(ApiError::invalid_token())),
        }
    }

    fn is_static(&self, token: &[u8]) -> bool {
        self.static_token.as_deref().is_some_and(|known| known.as_bytes() == token)
    }
}

/// Returns the `Authorization` header if it holds a signature.
fn authorization_of(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    text.starts_with(ALGORITHM).then_some(text)
}

fn truncated(text: &str) -> String {
    text.chars().take(MAX_LOGGED_CHARS).collect()
}
