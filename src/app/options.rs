//! Options for the other modules, from the sections of the config.

use std::time::Duration;

use super::Failure;
use crate::config::{self, Config, UserLabel};
use crate::http::{Links, WebConfig, WebOptions};
use crate::project::{PollMode, PollOptions, Users};
use records_api::record::{RecordType, Status};
use records_api::{Limits, RecordsFilter};

/// Options of the HTTP server.
pub(crate) fn web_options(config: &Config) -> WebOptions {
    WebOptions {
        links: links(&config.web),
        max_concurrent_requests: config.web.max_concurrent_requests,
    }
}

/// Paths of the pages.
pub(crate) fn links(web: &config::Web) -> Links {
    let (url, prefix) = (web.external_url.as_ref(), web.route_prefix.as_deref());
    Links::new(url, prefix, &web.telemetry_path)
}

/// Reads the listeners' own config file, if there is one.
pub(crate) fn web_config(config: &Config) -> Result<WebConfig, Failure> {
    let Some(path) = &config.web.config_file else { return Ok(WebConfig::none()) };
    WebConfig::open(path).map_err(|error| Failure::Usage(error.to_string()))
}

pub(super) fn limits(api: &config::Api) -> Limits {
    Limits {
        page_size: api.page_size,
        max_concurrent_requests: api.max_concurrent_requests,
        max_requests_per_second: api.max_requests_per_second,
        request_timeout: api.request_timeout,
        max_retries: api.max_retries,
        max_response_bytes: usize::try_from(api.max_response_bytes.count()).unwrap_or(usize::MAX),
    }
}

pub(super) fn poll_options(
    config: &Config,
    project: &config::Project,
    users: Users,
) -> PollOptions {
    let poll = &config.poll;
    PollOptions {
        mode: match poll.mode {
            config::PollMode::Scrape => PollMode::Scrape,
            config::PollMode::Background => PollMode::Background,
        },
        min_interval: poll.min_interval,
        window: poll.window,
        max_staleness: poll.max_staleness,
        pools_timeout: config.api.request_timeout,
        pool_names: project.pool_names,
        filter: filter(&project.filter),
        reconcile_interval: poll.reconcile_interval,
        lease: config.state.database.as_ref().map_or(Duration::ZERO, |database| database.lease),
        counter_hold: poll.counter_hold,
        max_records: poll.max_records,
        users,
        max_users: config.labels.max_users,
        max_pools: config.labels.max_pools,
        max_buckets: config.labels.max_buckets,
        max_policies: config.labels.max_policies,
    }
}

pub(super) fn users(labels: &config::Labels) -> Result<Users, Failure> {
    match (labels.user, &labels.user_hash_key) {
        (UserLabel::Hash, Some(key)) => Users::hashed(key.clone())
            .map_err(|error| Failure::Usage(format!("labels.user_hash_key: {error}"))),
        (UserLabel::Drop, _) => Ok(Users::dropped()),
        _ => Ok(Users::named()),
    }
}

fn filter(filter: &config::Filter) -> RecordsFilter {
    RecordsFilter {
        desktop_id: filter.desktop_id.clone(),
        desktop_names: filter.desktop_names.clone().unwrap_or_default(),
        username: filter.username.clone(),
        status: filter.status.as_deref().and_then(Status::parse),
        record_type: filter.r#type.as_deref().and_then(RecordType::parse),
    }
}
