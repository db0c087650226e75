//! State that the handlers of all routes share.

use std::sync::Arc;

use super::current::Current;
use super::links::Links;
use super::records::Claims;
use super::reload_handle::ReloadHandle;
use super::slots::Slots;
use super::web_config::WebConfig;
use crate::collector::Collector;
use records_api::clock::Clock;

/// Options of the routes, from the section `web` of the config.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Paths of the pages.
    pub links: Links,
    /// Concurrent requests beyond this number are answered 503.
    pub max_concurrent_requests: usize,
}

/// State of all handlers.
pub(super) struct AppState {
    pub(super) current: Current,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: WebOptions,
    pub(super) web: WebConfig,
    pub(super) reloads: Option<ReloadHandle>,
    pub(super) slots: Slots,
    /// Projects of which records are listed.
    pub(super) claims: Claims,
}

impl AppState {
    pub(super) fn collector(&self) -> Arc<Collector> {
        self.current.get().collector
    }
}
