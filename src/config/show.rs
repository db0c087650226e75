//! The effective config as TOML.

use toml::{Table, Value};
use url::Url;

use super::units::show_duration;
use super::{Auth, Config, Filter, LogFormat, LogLevel, PollMode, Project, UserLabel};
use records_api::secret::Source;

pub(super) fn to_toml(config: &Config) -> String {
    let mut root = Table::new();
    let mut section = |name: &str, entries: Vec<(&str, Value)>| {
        root.insert(name.to_owned(), Value::Table(table(entries)));
    };
    let web = &config.web;
    let addresses = web.listen_addresses.iter().map(|address| address.to_string().into());
    section(
        "web",
        vec![
            ("listen_addresses", Value::Array(addresses.collect())),
            ("telemetry_path", web.telemetry_path.clone().into()),
            ("max_concurrent_requests", number(web.max_concurrent_requests as u64)),
            ("created_series", web.created_series.into()),
        ]
        .into_iter()
        .chain(
            web.config_file.iter().map(|path| ("config_file", path.display().to_string().into())),
        )
        .collect(),
    );
    let log = &config.log;
    section(
        "log",
        vec![
            ("level", name_of(&LogLevel::NAMES, log.level)),
            ("format", name_of(&LogFormat::NAMES, log.format)),
        ],
    );
    let poll = &config.poll;
    section(
        "poll",
        vec![
            ("mode", name_of(&PollMode::NAMES, poll.mode)),
            ("min_interval", show_duration(poll.min_interval).into()),
            ("timeout_offset", show_duration(poll.timeout_offset).into()),
            ("default_timeout", show_duration(poll.default_timeout).into()),
            ("window", show_duration(poll.window).into()),
            ("max_staleness", show_duration(poll.max_staleness).into()),
            ("reconcile_interval", show_duration(poll.reconcile_interval).into()),
            ("counter_hold", show_duration(poll.counter_hold).into()),
        ],
    );
    let api = &config.api;
    section(
        "api",
        vec![
            ("page_size", number(api.page_size.into())),
            ("max_concurrent_requests", number(api.max_concurrent_requests as u64)),
            ("max_requests_per_second", api.max_requests_per_second.into()),
            ("request_timeout", show_duration(api.request_timeout).into()),
            ("max_retries", number(api.max_retries as u64)),
            ("max_response_bytes", api.max_response_bytes.to_string().into()),
        ]
        .into_iter()
        .chain(api.ca_file.as_ref().map(|path| ("ca_file", path.display().to_string().into())))
        .chain(api.proxy_url.as_ref().map(|source| secret(PROXY, source)))
        .collect(),
    );
    let directory = config.state_directory.as_ref();
    let directory = directory.map_or_else(String::new, |path| path.display().to_string());
    section("state", vec![("directory", directory.into())]);
    let labels = &config.labels;
    let mut entries = vec![
        ("user", name_of(&UserLabel::NAMES, labels.user)),
        ("max_users", number(labels.max_users as u64)),
        ("max_pools", number(labels.max_pools as u64)),
    ];
    entries.extend(labels.user_hash_key.as_ref().map(|key| secret(USER_HASH_KEY, key)));
    section("labels", entries);
    let projects = config.projects.iter().map(|project| Value::Table(project_table(project)));
    root.insert("projects".to_owned(), Value::Array(projects.collect()));
    toml::to_string_pretty(&root).expect("tables with text keys are TOML")
}

fn project_table(project: &Project) -> Table {
    let mut entries = vec![
        ("name", project.name.clone().into()),
        ("project_id", project.project_id.clone().into()),
    ];
    entries.extend(project.region.clone().map(|region| ("region", region.into())));
    entries.extend([
        ("endpoint", base(&project.endpoint)),
        ("insecure_http", project.insecure_http.into()),
        ("pool_names", project.pool_names.into()),
        ("auth", Value::Table(table(auth(&project.auth)))),
    ]);
    if project.filter != Filter::default() {
        entries.push(("filter", Value::Table(filter_table(&project.filter))));
    }
    if !project.labels.is_empty() {
        let labels = project.labels.iter();
        let labels = labels.map(|(name, value)| (name.as_str(), value.clone().into()));
        entries.push(("labels", Value::Table(table(labels.collect()))));
    }
    table(entries)
}

/// A secret's three keys but the last: what a variable held is a value by now.
type Names = [&'static str; 2];

const PROXY: Names = ["proxy_url", "proxy_url_file"];
const USER_HASH_KEY: Names = ["user_hash_key", "user_hash_key_file"];
const TOKEN: Names = ["token", "token_file"];
const PASSWORD: Names = ["password", "password_file"];
const ACCESS_KEY: Names = ["access_key", "access_key_file"];
const SECRET_KEY: Names = ["secret_key", "secret_key_file"];
const SECURITY_TOKEN: Names = ["security_token", "security_token_file"];

fn secret(names: Names, source: &Source) -> (&'static str, Value) {
    match source {
        Source::Value(secret) => (names[0], secret.to_string().into()),
        Source::File(path) => (names[1], path.display().to_string().into()),
    }
}

fn auth(auth: &Auth) -> Vec<(&'static str, Value)> {
    match auth {
        Auth::Token(token) => vec![("method", "token".into()), secret(TOKEN, token)],
        Auth::Password { iam_endpoint, domain, username, password } => vec![
            ("method", "password".into()),
            ("iam_endpoint", base(iam_endpoint)),
            ("domain", domain.clone().into()),
            ("username", username.clone().into()),
            secret(PASSWORD, password),
        ],
        Auth::AccessKey { access_key, secret_key, security_token } => {
            let mut entries = vec![
                ("method", "aksk".into()),
                secret(ACCESS_KEY, access_key),
                secret(SECRET_KEY, secret_key),
            ];
            entries.extend(security_token.as_ref().map(|token| secret(SECURITY_TOKEN, token)));
            entries
        }
        Auth::EcsAgency { metadata_endpoint } => {
            vec![("method", "ecs-agency".into()), ("metadata_endpoint", base(metadata_endpoint))]
        }
        Auth::Profile { file } => {
            vec![("method", "profile".into()), ("profile_file", file.display().to_string().into())]
        }
    }
}

/// A URL that paths are appended to.
fn base(url: &Url) -> Value {
    url.as_str().trim_end_matches('/').into()
}

fn filter_table(filter: &Filter) -> Table {
    let texts = [
        ("desktop_id", &filter.desktop_id),
        ("username", &filter.username),
        ("status", &filter.status),
        ("type", &filter.record_type),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?.into())));
    let mut entries: Vec<(&str, Value)> = texts.collect();
    if !filter.desktop_names.is_empty() {
        entries.push(("desktop_names", filter.desktop_names.clone().into()));
    }
    table(entries)
}

fn table(entries: Vec<(&str, Value)>) -> Table {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn name_of<T: PartialEq + Copy>(names: &[(&str, T)], value: T) -> Value {
    let name = names.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name);
    name.into()
}
