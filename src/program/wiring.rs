//! From the config to the parts that work.

mod outside;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use crate::api::{Client, Limits, RecordsFilter, Target};
use crate::clock::{Clock, SystemClock};
use crate::collector::{
    Collector, Instruments, PollMode, PollOptions, Project, ProjectObserver, Users,
};
use crate::config::{self, Config, UserLabel};
use crate::exposition::ProjectLabels;
use crate::http::{WebConfig, WebOptions};
use crate::record::{RecordType, Status, Timestamp};
use crate::store::{OpenError, SetAside, Store};

use super::Failure;
use outside::Outside;

/// The collector of all projects of a config.
pub(super) fn collector(config: &Config) -> Result<Collector, Failure> {
    let mut outside = Outside::new(&config.api)?;
    let now = Timestamp::from_millis(SystemClock.now_millis());
    let instruments = Instruments::new(now);
    let users = users(&config.labels)?;
    let mut projects = Vec::new();
    for project in &config.projects {
        let target = Target {
            endpoint: project.endpoint.clone(),
            project_id: project.project_id.clone(),
            auth: outside.auth(&project.auth),
        };
        let client = |observer: Arc<ProjectObserver>| {
            let clock = Arc::new(SystemClock);
            let refusals = outside.refusals.clone();
            let (limits, transport) = (limits(&config.api), outside.transport.clone());
            Client::new(target, limits, refusals, transport, clock, observer)
        };
        let options = poll_options(config, project, users.clone());
        let clock = Arc::new(SystemClock);
        let store = open_store(config.state_directory.as_deref(), &project.name)?;
        let labels =
            ProjectLabels { project: project.name.clone(), constant: project.labels.clone() };
        projects.push(Project::new(labels, options, clock, instruments.clone(), store, client));
    }
    Ok(Collector::new(projects, instruments, config.web.created_series))
}

/// Opens the state of a project.
fn open_store(directory: Option<&Path>, project: &str) -> Result<Store, Failure> {
    let Some(directory) = directory else { return Ok(Store::default()) };
    let unusable = |error: io::Error| {
        let error = OpenError::Unusable { path: directory.to_owned(), error };
        Failure::run(format!("{error}; {}", error.remedy()))
    };
    if !directory.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    }
    let path = directory.join(format!("{project}.redb"));
    let now = Timestamp::from_millis(SystemClock.now_millis());
    let (store, aside) = Store::open(&path, now)
        .map_err(|error| Failure::run(format!("{error}; {}", error.remedy())))?;
    if let Some(SetAside { path: aside, why }) = aside {
        let (path, aside) = (path.display(), aside.display());
        tracing::error!(
            project, %path, %aside, why,
            "the state is damaged and was set aside: counting begins anew, what failed before is \
             not counted, and counters start at 0"
        );
    }
    Ok(store)
}

pub(super) fn web_options(config: &Config) -> WebOptions {
    WebOptions {
        telemetry_path: config.web.telemetry_path.clone(),
        max_concurrent_requests: config.web.max_concurrent_requests,
        timeout_offset: config.poll.timeout_offset,
        default_timeout: config.poll.default_timeout,
    }
}

/// What the listeners are told by a file of their own, if there is one.
pub(super) fn web_config(config: &Config) -> Result<WebConfig, Failure> {
    let Some(path) = &config.web.config_file else { return Ok(WebConfig::none()) };
    WebConfig::open(path).map_err(|error| Failure::Usage(error.to_string()))
}

fn limits(api: &config::Api) -> Limits {
    Limits {
        page_size: api.page_size,
        max_concurrent_requests: api.max_concurrent_requests,
        max_requests_per_second: api.max_requests_per_second,
        request_timeout: api.request_timeout,
        max_retries: api.max_retries,
        max_response_bytes: usize::try_from(api.max_response_bytes.count()).unwrap_or(usize::MAX),
    }
}

fn poll_options(config: &Config, project: &config::Project, users: Users) -> PollOptions {
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
        counter_hold: poll.counter_hold,
        users,
        max_users: config.labels.max_users,
        max_pools: config.labels.max_pools,
    }
}

fn users(labels: &config::Labels) -> Result<Users, Failure> {
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
        desktop_names: filter.desktop_names.clone(),
        username: filter.username.clone(),
        status: filter.status.as_deref().and_then(Status::parse),
        record_type: filter.record_type.as_deref().and_then(RecordType::parse),
    }
}
