//! What the API layer tells about itself. Whoever wants figures implements it.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Is told of every request.
pub trait Observer: Send + Sync + 'static {
    /// A request was answered or failed. `code` is the HTTP status, `timeout`, `connect` or
    /// `invalid`.
    fn requested(&self, endpoint: Endpoint, code: &str, took: Duration);

    /// The API asked, by `error`, to be left alone for so long.
    fn asked_to_pause(&self, error: &ApiError, pause: Duration);

    /// A request had to wait this long because the API asked for a pause.
    fn throttled(&self, waited: Duration);

    /// New credentials could not be had, by `error`, while the old ones are still good.
    fn renewal_failed(&self, error: &ApiError);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn requested(&self, _: Endpoint, _: &str, _: Duration) {}

    fn asked_to_pause(&self, _: &ApiError, _: Duration) {}

    fn throttled(&self, _: Duration) {}

    fn renewal_failed(&self, _: &ApiError) {}
}
