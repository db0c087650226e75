//! The API gateway in front of the service: rate limit, credentials, project, permission.
//!
//! IAM and the metadata service are reached without a gateway.

use std::sync::Arc;

use crate::{
    simulator::SimulatorState,
    wire::{
        error::ApiError,
        request::{Endpoint, Request},
    },
};

impl SimulatorState {
    /// Admits a request to the service, or refuses it with the gateway's error.
    pub(crate) fn admit(&mut self, request: &Request<'_>, now: i64) -> Result<(), ApiError> {
        if request.endpoint.is_for_credentials() {
            return Ok(());
        }
        let options = Arc::clone(&self.options);
        if let Some(limit) = options.rate_limit
            && !self.rate_limiter.admits(limit, self.world.now())
        {
            return Err(ApiError::throttled(limit, "1 second"));
        }
        self.access.authenticate(request, now)?;
        let other = options.project_id.as_ref().is_some_and(|id| id != request.project);
        if other && request.endpoint != Endpoint::Other {
            return Err(ApiError::new(404, "WKS.00170312", "The tenant does not exist."));
        }
        self.access.authorize(request.endpoint)
    }
}
