//! The clients of the API and of IAM that all projects share, with the memory of refused credentials.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::Failure;
use super::options;
use super::refused_credentials::RefusedCredentials;
use crate::config::{self, Config};
use records_api::{
    Agency, Auth, CredentialBackoff, HttpTransport, IamUser, MemoryBudget, RefusalStore, Transport,
    TransportError, Trust,
};

/// The clients that all projects share.
#[derive(Clone)]
pub(super) struct SharedClients {
    /// Transport to the API and to IAM.
    pub(super) transport: Arc<dyn Transport>,
    /// Transport to the metadata service, never through a proxy.
    direct: Arc<dyn Transport>,
    /// Both, if they differ.
    transports: Vec<Arc<HttpTransport>>,
    /// Credentials that were refused.
    pub(super) refusals: Arc<CredentialBackoff>,
    /// The agency of this machine, by the URL of the metadata service.
    agencies: BTreeMap<Url, Arc<Agency>>,
}

/// Certificates that were read again, with the transports that will trust them.
pub(super) struct NewTrust(Vec<(Arc<HttpTransport>, Trust)>);

impl SharedClients {
    /// Creates the clients of a config. `shared` are the refusals in a database.
    pub(super) fn new(
        config: &Config,
        shared: Option<Arc<dyn RefusalStore>>,
    ) -> Result<Self, Failure> {
        let in_directory = |directory: &Path| -> Arc<dyn RefusalStore> {
            Arc::new(RefusedCredentials::in_directory(directory))
        };
        let store = shared.or_else(|| config.state_directory().map(in_directory));
        let refusals = match store {
            Some(store) => CredentialBackoff::with_store(store),
            None => CredentialBackoff::default(),
        };
        Self::with_refusals(&config.api, Arc::new(refusals))
    }

    fn with_refusals(api: &config::Api, refusals: Arc<CredentialBackoff>) -> Result<Self, Failure> {
        let budget = Arc::new(MemoryBudget::new(options::limits(api).max_response_bytes));
        let new = |proxy| {
            let transport = HttpTransport::new(api.ca_file.as_deref(), proxy);
            transport.map(|transport| Arc::new(transport.with_memory_budget(budget.clone())))
        };
        let direct = new(None).map_err(|error| no_tls(&error))?;
        let mut transports = vec![direct.clone()];
        if let Some(proxy) = &api.proxy_url {
            transports.push(new(Some(proxy.clone())).map_err(|error| no_tls(&error))?);
        }
        let transport = transports.last().unwrap_or(&direct).clone();
        let agencies = BTreeMap::new();
        Ok(Self { transport, direct, transports, refusals, agencies })
    }

    /// Clients with another transport. The memory of refused credentials stays.
    pub(super) fn with_other_transport(&self, api: &config::Api) -> Result<Self, Failure> {
        Self::with_refusals(api, self.refusals.clone())
    }

    /// Reads the trusted certificates again. Nothing changes yet.
    pub(super) fn read_trust(&self) -> Result<NewTrust, Failure> {
        let read =
            |transport: &Arc<HttpTransport>| Ok((transport.clone(), transport.read_trust()?));
        let read = self.transports.iter().map(read).collect::<Result<_, _>>();
        read.map(NewTrust).map_err(|error| no_tls(&error))
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

impl NewTrust {
    /// Replaces the certificates that the transports trust.
    pub(super) fn apply(self) {
        for (transport, trust) in self.0 {
            transport.replace_trust(trust);
        }
    }
}

fn no_tls(error: &TransportError) -> Failure {
    let remedy = "Check `api.ca_file` and the machine's certificates";
    Failure::run(format!("cannot start TLS: {error}. {remedy}"))
}
