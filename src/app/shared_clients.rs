//! The clients of the API and of IAM that all projects share, with the memory of refused credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::Failure;
use super::refused_credentials::RefusedCredentials;
use crate::config::{self, Config};
use records_api::{Agency, Auth, CredentialBackoff, HttpTransport, IamUser, Transport};

/// The clients that all projects share.
#[derive(Clone)]
pub(super) struct SharedClients {
    /// Transport to the API and to IAM.
    pub(super) transport: Arc<dyn Transport>,
    /// Transport to the metadata service, never through a proxy.
    direct: Arc<dyn Transport>,
    /// Credentials that were refused.
    pub(super) refusals: Arc<CredentialBackoff>,
    /// The agency of this machine, by the URL of the metadata service.
    agencies: BTreeMap<Url, Arc<Agency>>,
}

impl SharedClients {
    pub(super) fn new(config: &Config) -> Result<Self, Failure> {
        let refusals = match config.state_directory() {
            Some(directory) => {
                CredentialBackoff::with_store(Arc::new(RefusedCredentials::in_directory(directory)))
            }
            None => CredentialBackoff::default(),
        };
        Self::with_refusals(&config.api, Arc::new(refusals))
    }

    fn with_refusals(api: &config::Api, refusals: Arc<CredentialBackoff>) -> Result<Self, Failure> {
        let transport = |proxy| {
            HttpTransport::new(api.ca_file.as_deref(), proxy).map_err(|error| {
                let remedy = "Check `api.ca_file` and the machine's certificates";
                Failure::run(format!("cannot start TLS: {error}. {remedy}"))
            })
        };
        let direct: Arc<dyn Transport> = Arc::new(transport(None)?);
        let transport = match &api.proxy_url {
            Some(proxy) => Arc::new(transport(Some(proxy.clone()))?),
            None => direct.clone(),
        };
        let agencies = BTreeMap::new();
        Ok(Self { transport, direct, refusals, agencies })
    }

    /// Clients with another transport. The memory of refused credentials stays.
    pub(super) fn with_other_transport(&self, api: &config::Api) -> Result<Self, Failure> {
        Self::with_refusals(api, self.refusals.clone())
    }

    /// Returns the authentication of a project.
    pub(super) fn auth(&mut self, auth: &config::Auth) -> Auth {
        match auth {
            config::Auth::Token(keys) => Auth::Token(keys.token.clone()),
            config::Auth::Password(keys) => Auth::Password(IamUser {
                iam_endpoint: keys.iam_endpoint.clone(),
                domain: keys.domain.clone(),
                username: keys.username.clone(),
                password: keys.password.clone(),
            }),
            config::Auth::AccessKey(keys) => Auth::AccessKey {
                access_key: keys.access_key.clone(),
                secret_key: keys.secret_key.clone(),
                security_token: keys.security_token.clone(),
            },
            config::Auth::EcsAgency(keys) => {
                let (url, direct) = (&keys.metadata_endpoint, &self.direct);
                let agency = || Arc::new(Agency::new(url.clone(), direct.clone()));
                Auth::EcsAgency(self.agencies.entry(url.clone()).or_insert_with(agency).clone())
            }
            config::Auth::Profile(keys) => Auth::Profile(keys.profile_file.clone()),
        }
    }
}
