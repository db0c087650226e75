//! What the API gateway in front of the service asks of a request: patience, a token, a project.
//!
//! Signatures are not verified; a request that is signed and one that is not are the same here.

use std::sync::Arc;

use http::HeaderMap;

use super::{Inner, faults::Endpoint, refusal::Refusal, service::Request};

impl Inner {
    /// What a gateway asks before the service is reached.
    pub(super) fn admit(&mut self, request: &Request<'_>) -> Result<(), Refusal> {
        let options = Arc::clone(&self.options);
        if let Some(limit) = options.rate_limit {
            let second = self.world.now().div_euclid(1000);
            if self.second.0 != second {
                self.second = (second, 0);
            }
            self.second.1 += 1;
            if self.second.1 > limit {
                return Err(Refusal::throttled(limit));
            }
        }
        if let Some(token) = &options.token {
            let given = request.headers.get("x-auth-token").map(http::HeaderValue::as_bytes);
            if given != Some(token.as_bytes()) {
                return Err(Refusal::unauthorized());
            }
        }
        let other = options.project_id.as_ref().is_some_and(|id| id != request.project);
        if other && request.endpoint != Endpoint::Other {
            return Err(Refusal::new(404, "WKS.00170312", "The tenant does not exist."));
        }
        Ok(())
    }
}

/// A 401 that gives away what it was sent.
pub(super) fn echo(headers: &HeaderMap) -> Refusal {
    let sent: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}", value.to_str().unwrap_or("?")))
        .collect();
    let message = format!("verify aksk signature fail, canonicalRequest: GET|{}", sent.join("|"));
    Refusal::new(401, "APIGW.0301", message)
}
