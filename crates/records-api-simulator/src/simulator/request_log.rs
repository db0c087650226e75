//! Requests so far, by endpoint, outcome and credential.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    access::{Credential, Lock},
    wire::request::{Endpoint, Request},
};

/// Number of requests that are kept one by one.
const MAX_REMEMBERED_REQUESTS: usize = 1000;
/// Number of pairs of endpoint and credential. Only an attacker uses more access keys.
const MAX_COUNTED_CREDENTIALS: usize = 1000;

/// The request log.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Requests {
    /// Number of requests to the simulated API.
    pub total: u64,
    /// By endpoint (`records`, `record`, `pools`, `tokens`, `metadata_token`, `security_key`,
    /// `other`), then by HTTP status, `hang` or `reset`.
    pub counts: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// By endpoint, then by credential, such as `access key AK` or `token 2`.
    pub credentials: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// Path and query of the last 1000 requests, oldest first.
    pub recent: Vec<String>,
    /// The last 1000 requests, oldest first.
    pub asked: Vec<LoggedRequest>,
    /// Every lock of an access key or a user.
    pub locks: Vec<Lock>,
}

/// One request: its time, endpoint, credential and outcome.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LoggedRequest {
    /// Time of the answer in milliseconds since the Unix epoch, by the simulator's clock.
    pub at: i64,
    /// The endpoint.
    #[serde(serialize_with = "name")]
    pub endpoint: Endpoint,
    /// The credential that it presented.
    pub credential: Credential,
    /// The HTTP status, `hang` or `reset`.
    pub outcome: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn name<S: serde::Serializer>(endpoint: &Endpoint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(endpoint.name())
}

impl Requests {
    /// Returns the number of requests to an endpoint, with any outcome.
    pub fn of(&self, endpoint: Endpoint) -> u64 {
        self.counts.get(endpoint.name()).map_or(0, |codes| codes.values().sum())
    }

    /// Returns the number of requests to an endpoint with a credential, valid or not.
    pub fn with(&self, endpoint: Endpoint, credential: &Credential) -> u64 {
        let counts = self.credentials.get(endpoint.name());
        counts.and_then(|counts| counts.get(&credential.to_string())).copied().unwrap_or(0)
    }
}

/// The counts and the last requests.
#[derive(Default)]
pub(crate) struct RequestLog {
    counts: BTreeMap<(Endpoint, String), u64>,
    credentials: BTreeMap<(Endpoint, Credential), u64>,
    recent: VecDeque<(String, LoggedRequest)>,
}

impl RequestLog {
    pub(crate) fn add(
        &mut self,
        request: &Request<'_>,
        outcome: String,
        credential: Credential,
        at: i64,
    ) {
        let endpoint = request.endpoint;
        *self.counts.entry((endpoint, outcome.clone())).or_default() += 1;
        let key = (endpoint, credential.clone());
        if self.credentials.len() < MAX_COUNTED_CREDENTIALS || self.credentials.contains_key(&key) {
            *self.credentials.entry(key).or_default() += 1;
        }
        if self.recent.len() == MAX_REMEMBERED_REQUESTS {
            self.recent.pop_front();
        }
        let logged = LoggedRequest { at, endpoint, credential, outcome };
        self.recent.push_back((request.uri.to_string(), logged));
    }

    pub(crate) fn summary(&self, locks: Vec<Lock>) -> Requests {
        let mut requests = Requests { locks, ..Requests::default() };
        for ((endpoint, outcome), count) in &self.counts {
            requests.total += count;
            requests.counts.entry(endpoint.name()).or_default().insert(outcome.clone(), *count);
        }
        for ((endpoint, credential), count) in &self.credentials {
            let counts = requests.credentials.entry(endpoint.name()).or_default();
            counts.insert(credential.to_string(), *count);
        }
        (requests.recent, requests.asked) = self.recent.iter().cloned().unzip();
        requests
    }
}
