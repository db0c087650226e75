//! The table of keys of `config.toml`. A key is added here, with a field of the same name in the
//! section that has its value.

use std::borrow::Cow;
use std::time::Duration;

use super::choices::{LogFormat, LogLevel, PollMode, UserLabel};
use super::key::Key;
use super::kind::{Kind, Text};
use super::listen_address::ListenAddress;
use super::names::{is_id, is_name, is_region};
use super::paths::{is_prefix, is_telemetry_path};
use super::units::Bytes;
use super::url::is_proxy;
use records_api::secret::{SecretRules, Spaces, is_printable};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const MAX_DESKTOP_NAMES: usize = 100;

/// A shorter key could be found by trial by anyone who knows a user's name and its hash.
const MIN_HASH_KEY_CHARS: usize = 16;
const STATUSES: &[&str] =
    &["RECORDING", "REC_COMPLETED", "REC_FAILED", "UPLOADING", "UPLOAD_COMPLETED", "UPLOAD_FAILED"];
const TYPES: &[&str] = &["FULL", "INTERVAL", "OPERATION", "SESSION"];
const AUTH_METHODS: &[&str] = &["token", "password", "aksk", "ecs-agency", "profile"];

const ADDRESS: Text = Text {
    accepts: || Cow::from("an address such as \"127.0.0.1:10047\", \"[::1]:10047\" or \":10047\""),
    check: |text| ListenAddress::parse(text).is_some(),
};
const TELEMETRY_PATH: Text = Text {
    accepts: || {
        Cow::from(
            "a path such as \"/metrics\" that is not the path of another page: parts of letters, \
             digits, - _ . and ~, each after a /",
        )
    },
    check: is_telemetry_path,
};
const ROUTE_PREFIX: Text = Text {
    accepts: || {
        Cow::from(
            "a path such as \"/screen-records\", or \"/\" for none: parts of letters, digits, - _ . and \
             ~ with a / between them",
        )
    },
    check: is_prefix,
};
/// A name.
const PRINTABLE: Text =
    Text { accepts: || Cow::from("one line of printable characters"), check: is_printable };
const REPLICA: Text = Text {
    accepts: || Cow::from("a name in place of the host name: one line of printable characters"),
    check: is_printable,
};
const ANY: Text = Text { accepts: || Cow::from("a text that is not empty"), check: |_| true };
const WITHOUT_COMMA: Text = Text {
    accepts: || Cow::from("a text without a comma"),
    // The API takes them with commas between them.
    check: |text| !text.contains(','),
};
const NAME: Text = Text {
    accepts: || {
        Cow::from(
            "a text of 1 to 100 characters (200 bytes) without control characters, / and \\, whose \
             first character is not .",
        )
    },
    check: is_name,
};
const ID: Text = Text {
    accepts: || Cow::from("the project's id: 1 to 64 letters, digits, - and _"),
    check: is_id,
};
const REGION: Text = Text {
    accepts: || Cow::from("a region such as \"ap-southeast-3\": lower-case letters, digits and -"),
    check: is_region,
};
const PROXY: SecretRules = SecretRules {
    noun: "URL of a proxy",
    accepts: || {
        Cow::from(
            "a URL such as \"http://user:password@proxy.example.org:3128\": http:// or https://, \
             without path, query and fragment, with %XX for special characters in user and password",
        )
    },
    check: is_proxy,
    spaces: Spaces::Nowhere,
};
/// `StateDatabase::address` parses it, and says what is wrong.
pub(super) const DATABASE: SecretRules = SecretRules {
    noun: "URL of a database",
    accepts: || {
        Cow::from(
            "a URL such as \"postgresql://user:password@db.example.org:5432/database\", with %XX for \
             special characters in user and password; not beside state.directory",
        )
    },
    // What follows the first @ of a password would pass for a part of the host, which messages show.
    check: |text| text.split('?').next().unwrap_or_default().matches('@').count() <= 1,
    spaces: Spaces::Nowhere,
};
const HASH_KEY: SecretRules = SecretRules {
    noun: "key",
    accepts: || Cow::from("one line of at least 16 printable characters"),
    check: |text| text.chars().count() >= MIN_HASH_KEY_CHARS,
    spaces: Spaces::Inside,
};

const fn duration(min: Duration, max: Duration) -> Kind {
    Kind::Duration { min, max }
}

const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

/// All keys of this version.
pub const KEYS: &[Key] = &[
    Key::new("web.listen_addresses", Kind::List { element: ADDRESS, min: 1, max: usize::MAX })
        .default(r#"["127.0.0.1:10047"]"#)
        .needs_restart(),
    Key::new("web.telemetry_path", Kind::Text(TELEMETRY_PATH))
        .default(r#""/metrics""#)
        .needs_restart(),
    Key::new("web.external_url", Kind::ExternalUrl).needs_restart(),
    Key::new("web.route_prefix", Kind::Text(ROUTE_PREFIX)).needs_restart(),
    Key::new(
        "web.config_file",
        Kind::File(
            "a file that enables TLS or basic auth, in the format of the exporter-toolkit's \
             web-config.yml",
        ),
    )
    .needs_restart(),
    Key::new("web.max_concurrent_requests", integer(1, 10_000)).default("64").needs_restart(),
    Key::new("web.records", Kind::Flag).default("false"),
    Key::new("web.created_series", Kind::Flag).default("false"),
    Key::new("log.level", Kind::Choice(LogLevel::NAMES)).default(r#""info""#).needs_restart(),
    Key::new("log.format", Kind::Choice(LogFormat::NAMES)).default(r#""logfmt""#).needs_restart(),
    Key::new("poll.mode", Kind::Choice(PollMode::NAMES)).default(r#""scrape""#),
    Key::new("poll.min_interval", duration(Duration::ZERO, HOUR)).default(r#""30s""#),
    Key::new("poll.timeout_offset", duration(Duration::ZERO, MINUTE)).default(r#""500ms""#),
    Key::new(
        "poll.default_timeout",
        duration(Duration::from_millis(100), Duration::from_secs(120)),
    )
    .default(r#""10s""#),
    Key::new("poll.window", duration(MINUTE, Duration::from_secs(180 * DAY.as_secs())))
        .default(r#""15d""#),
    Key::new("poll.max_staleness", duration(SECOND, Duration::from_secs(7 * DAY.as_secs())))
        .default(r#""10m""#),
    Key::new("poll.reconcile_interval", duration(MINUTE, Duration::from_secs(30 * DAY.as_secs())))
        .default(r#""1h""#),
    Key::new("poll.counter_hold", duration(Duration::ZERO, HOUR)).default(r#""2m""#),
    Key::new("poll.max_records", integer(1000, 12_000_000)).default("12000000"),
    Key::new("api.page_size", integer(1, 1000)).default("1000"),
    Key::new("api.max_concurrent_requests", integer(1, 64)).default("4"),
    // One request in 1000 seconds. With far fewer, the time between two does not fit into a `Duration`.
    Key::new("api.max_requests_per_second", Kind::Number { min: 0.001, max: 1000.0 }).default("10"),
    Key::new("api.request_timeout", duration(Duration::from_millis(100), Duration::from_secs(300)))
        .default(r#""10s""#),
    Key::new("api.max_retries", integer(0, 10)).default("3"),
    Key::new(
        "api.max_response_bytes",
        Kind::Size { min: Bytes::kibibytes(1), max: Bytes::gibibytes(1) },
    )
    .default(r#""32MiB""#),
    Key::new("api.ca_file", Kind::File("a file with certificates in PEM form")),
    Key::new("api.proxy_url", Kind::Secret(PROXY)),
    Key::new("state.directory", Kind::Directory).default(r#""data""#).needs_restart(),
    Key::new("state.url", Kind::Secret(DATABASE)).needs_restart(),
    Key::new("state.ca_file", Kind::File("a file with certificates in PEM form"))
        .requires("state.url")
        .needs_restart(),
    Key::new("state.insecure_tls", Kind::Flag)
        .default("false")
        .requires("state.url")
        .needs_restart(),
    Key::new("state.lease", duration(Duration::from_secs(2), Duration::from_secs(300)))
        .default(r#""15s""#)
        .requires("state.url")
        .needs_restart(),
    Key::new("state.replica", Kind::Text(REPLICA)).requires("state.url").needs_restart(),
    Key::new("labels.user", Kind::Choice(UserLabel::NAMES)).default(r#""name""#),
    Key::new("labels.user_hash_key", Kind::Secret(HASH_KEY)),
    Key::new("labels.max_users", integer(1, 100_000)).default("1000"),
    Key::new("labels.max_pools", integer(1, 100_000)).default("1000"),
    Key::new("labels.max_buckets", integer(1, 100_000)).default("100"),
    Key::new("labels.max_policies", integer(1, 100_000)).default("100"),
    Key::new("labels.max_value_bytes", integer(32, 512)).default("256"),
    Key::new("projects.name", Kind::Text(NAME)),
    Key::new("projects.project_id", Kind::Text(ID)).or_variable("HUAWEICLOUD_SDK_PROJECT_ID"),
    Key::new("projects.region", Kind::Text(REGION)),
    Key::new("projects.endpoint", Kind::Url)
        .default(r#""https://workspace.{region}.myhuaweicloud.com""#),
    Key::new("projects.insecure_http", Kind::Flag).default("false"),
    Key::new("projects.pool_names", Kind::Flag).default("true"),
    Key::new(
        "projects.labels",
        Kind::Table(
            "a table of at most 16 labels such as { site = \"north\" }: names of letters, digits and _ \
             that do not start with a digit or __ and are not labels of a metric; values of 1 to 200 \
             characters",
        ),
    ),
    Key::new("projects.auth.method", Kind::Choice(AUTH_METHODS)),
    Key::new("projects.auth.token", Kind::Secret(SecretRules::TOKEN)).of_method("token"),
    Key::new("projects.auth.iam_endpoint", Kind::Url)
        .default(r#""https://iam.{region}.myhuaweicloud.com""#)
        .of_method("password"),
    Key::new("projects.auth.domain", Kind::Text(PRINTABLE)).of_method("password"),
    Key::new("projects.auth.username", Kind::Text(PRINTABLE)).of_method("password"),
    Key::new("projects.auth.password", Kind::Secret(SecretRules::PASSWORD)).of_method("password"),
    Key::new("projects.auth.access_key", Kind::Secret(SecretRules::ACCESS_KEY))
        .or_variable("HUAWEICLOUD_SDK_AK")
        .of_method("aksk"),
    Key::new("projects.auth.secret_key", Kind::Secret(SecretRules::SECRET_KEY))
        .or_variable("HUAWEICLOUD_SDK_SK")
        .of_method("aksk"),
    Key::new("projects.auth.security_token", Kind::Secret(SecretRules::SECURITY_TOKEN))
        .or_variable("HUAWEICLOUD_SDK_SECURITY_TOKEN")
        .of_method("aksk"),
    Key::new("projects.auth.metadata_endpoint", Kind::Url)
        .default(r#""http://169.254.169.254""#)
        .of_method("ecs-agency"),
    Key::new(
        "projects.auth.profile_file",
        Kind::File("a file with a section [basic] that has ak and sk"),
    )
    .default(r#""~/.huaweicloud/credentials""#)
    .or_variable("HUAWEICLOUD_SDK_CREDENTIALS_FILE")
    .of_method("profile"),
    Key::new("projects.filter.desktop_id", Kind::Text(ANY)),
    Key::new(
        "projects.filter.desktop_names",
        Kind::List { element: WITHOUT_COMMA, min: 0, max: MAX_DESKTOP_NAMES },
    ),
    Key::new("projects.filter.username", Kind::Text(ANY)),
    Key::new("projects.filter.status", Kind::Choice(STATUSES)),
    Key::new("projects.filter.type", Kind::Choice(TYPES)),
];
