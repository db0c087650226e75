//! What the API gateway in front of the service asks of a request: patience, credentials, a project,
//! a permission.
//!
//! IAM and the metadata service have no gateway in front of them.

use std::sync::Arc;

use crate::{
    simulator::SimulatorState,
    wire::{
        error::ApiError,
        request::{Endpoint, Request},
    },
};

impl SimulatorState {
    /// What a gateway asks before the service is reached.
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
