//! The clients of the API and of IAM that all projects share, with the memory of refused credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::Failure;
use crate::config;
use records_api::{Agency, Auth, CredentialBackoff, HttpTransport, IamUser, Transport};

/// The clients that all projects share.
#[derive(Clone)]
pub(super) struct SharedClients {
    /// The way to the API and to IAM.
    pub(super) transport: Arc<dyn Transport>,
    /// The way to the metadata service: never through a proxy.
    direct: Arc<dyn Transport>,
    /// Which credentials were refused.
    pub(super) refusals: Arc<CredentialBackoff>,
    /// The agency of this machine, by the metadata service that knows it.
    agencies: BTreeMap<Url, Arc<Agency>>,
}

impl SharedClients {
    pub(super) fn new(api: &config::Api) -> Result<Self, Failure> {
        let transport = |proxy| {
            HttpTransport::new(api.ca_file.as_deref(), proxy).map_err(|error| {
                let remedy = "Check `api.ca_file` and the machine's certificates";
                Failure::run(format!("TLS does not start: {error}. {remedy}"))
            })
        };
        let direct: Arc<dyn Transport> = Arc::new(transport(None)?);
        let transport = match &api.proxy_url {
            Some(proxy) => Arc::new(transport(Some(proxy.clone()))?),
            None => direct.clone(),
        };
        let (refusals, agencies) = (Arc::default(), BTreeMap::new());
        Ok(Self { transport, direct, refusals, agencies })
    }

    /// The same reached in another way. What is known of credentials stays.
    pub(super) fn with_other_transport(&self, api: &config::Api) -> Result<Self, Failure> {
        Ok(Self { refusals: self.refusals.clone(), ..Self::new(api)? })
    }

    /// How a project signs in.
    pub(super) fn auth(&mut self, auth: &config::Auth) -> Auth {
        match auth {
            config::Auth::Token(token) => Auth::Token(token.clone()),
            config::Auth::Password { iam_endpoint, domain, username, password } => {
                Auth::Password(IamUser {
                    iam_endpoint: iam_endpoint.clone(),
                    domain: domain.clone(),
                    username: username.clone(),
                    password: password.clone(),
                })
            }
            config::Auth::AccessKey { access_key, secret_key, security_token } => Auth::AccessKey {
                access_key: access_key.clone(),
                secret_key: secret_key.clone(),
                security_token: security_token.clone(),
            },
            config::Auth::EcsAgency { metadata_endpoint } => {
                let direct = &self.direct;
                let agency = || Arc::new(Agency::new(metadata_endpoint.clone(), direct.clone()));
                let agency = self.agencies.entry(metadata_endpoint.clone()).or_insert_with(agency);
                Auth::EcsAgency(agency.clone())
            }
            config::Auth::Profile { file } => Auth::Profile(file.clone()),
        }
    }
}
