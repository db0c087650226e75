//! Events of the client, for metrics and logs.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Receives the events of a client.
pub trait Observer: Send + Sync + 'static {
    /// An attempt ended after `took`. `code` is the HTTP status, `timeout`, `connect` or `invalid`.
    fn requested(&self, endpoint: Endpoint, code: &str, took: Duration);

    /// The API requested a pause of this length with the response that `error` describes.
    fn asked_to_pause(&self, error: &ApiError, pause: Duration);

    /// A request was delayed by this long because of such a pause.
    fn throttled(&self, waited: Duration);

    /// A response of this age came from a cache.
    fn cached(&self, endpoint: Endpoint, age: Duration);

    /// Credentials could not be renewed; the current ones are still valid.
    fn renewal_failed(&self, error: &ApiError);
}
