//! The one table of keys: which exist, which are built, what they accept, their defaults.

/// A key of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Path, `projects.` standing for each element of the list.
    pub path: &'static str,
    /// Default as TOML; `None` where there is none. `{region}` stands for the project's region.
    pub default: Option<&'static str>,
    /// The variable of the cloud's own tools that is read where the key is absent, before the
    /// default.
    pub variable: Option<&'static str>,
    /// What is accepted, for people.
    pub accepts: &'static str,
    /// What its values are made of.
    pub kind: Kind,
}

/// What the values of a key are made of: how a text from the environment is read, and what may
/// be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text, durations and sizes too.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list of texts.
    List,
    /// A table of texts, in the file only.
    Table,
    /// A URL: credentials may stand in it, so one that is refused is not shown.
    Url,
    /// Must never be shown. It can also be given as `<key>_file`, `<key>_env`.
    Secret,
}

impl Key {
    const fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The default, if it is a text.
    pub(super) fn default_text(&self) -> Option<&'static str> {
        self.default?.strip_prefix('"')?.strip_suffix('"')
    }

    /// Whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    const fn or_variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    /// Whether a value that is refused can be shown. In `auth` it may be a secret at the wrong key.
    pub(super) fn is_public(&self) -> bool {
        !matches!(self.kind, Kind::Secret | Kind::Url) && !self.path.starts_with("projects.auth.")
    }
}

const fn key(path: &'static str, default: &'static str, accepts: &'static str) -> Key {
    Key { default: Some(default), ..optional(path, accepts) }
}

const fn optional(path: &'static str, accepts: &'static str) -> Key {
    Key { path, default: None, variable: None, accepts, kind: Kind::Text }
}

const fn secret(path: &'static str) -> Key {
    optional(path, "a text: one line of visible characters without spaces").of(Kind::Secret)
}

/// A name or a password.
const PRINTABLE: &str = "a text: one line of printable characters";

/// Every key of the contract.
pub const KEYS: &[Key] = &[
    key(
        "web.listen_addresses",
        r#"["127.0.0.1:10047"]"#,
        "a list of addresses such as \"127.0.0.1:10047\" or \"[::1]:10047\"",
    )
    .of(Kind::List),
    key(
        "web.telemetry_path",
        r#""/metrics""#,
        "a path such as \"/metrics\": / before each part of letters, digits, - _ . and ~, and no \
         other page's",
    ),
    optional(
        "web.config_file",
        "the path of a file in the format of the exporter-toolkit's web-config.yml: TLS, basic auth, \
         headers",
    ),
    key("web.max_concurrent_requests", "64", "a whole number from 1 to 10000").of(Kind::Number),
    key("web.created_series", "false", "true or false").of(Kind::Flag),
    key("log.level", r#""info""#, "error, warn, info, debug or trace"),
    key("log.format", r#""logfmt""#, "logfmt or json"),
    key("poll.mode", r#""scrape""#, "scrape or background"),
    key("poll.min_interval", r#""30s""#, "a duration such as \"30s\", from 0s to 1h"),
    key("poll.timeout_offset", r#""500ms""#, "a duration such as \"500ms\", from 0s to 1m"),
    key("poll.default_timeout", r#""10s""#, "a duration such as \"10s\", from 100ms to 10m"),
    key("poll.window", r#""15d""#, "a duration such as \"15d\", from 1m to 180d"),
    key("poll.max_staleness", r#""10m""#, "a duration such as \"10m\", from 1s to 7d"),
    key("poll.reconcile_interval", r#""1h""#, "a duration such as \"1h\", from 1m to 30d"),
    key("poll.counter_hold", r#""2m""#, "a duration such as \"2m\", from 0s to 1h"),
    key("api.page_size", "1000", "a whole number from 1 to 1000").of(Kind::Number),
    key("api.max_concurrent_requests", "4", "a whole number from 1 to 64").of(Kind::Number),
    key("api.max_requests_per_second", "10", "a number from 0.001 to 1000").of(Kind::Number),
    key("api.request_timeout", r#""10s""#, "a duration such as \"10s\", from 100ms to 5m"),
    key("api.max_retries", "3", "a whole number from 0 to 10").of(Kind::Number),
    key("api.max_response_bytes", r#""32MiB""#, "a size such as \"32MiB\", from 1KiB to 1GiB"),
    optional("api.ca_file", "the path of a file with certificates in PEM form"),
    optional(
        "api.proxy_url",
        "a URL such as \"http://user:password@proxy.example.org:3128\": http:// or https://, without \
         path, query and fragment; what is no letter or digit in user and password as %XX",
    )
    .of(Kind::Secret),
    key("state.directory", r#""data""#, "a path, or \"\" to keep the state in memory only"),
    key("labels.user", r#""name""#, "name, hash or drop"),
    optional("labels.user_hash_key", "a text: one line of at least 16 printable characters")
        .of(Kind::Secret),
    key("labels.max_users", "1000", "a whole number from 1 to 100000").of(Kind::Number),
    key("labels.max_pools", "1000", "a whole number from 1 to 100000").of(Kind::Number),
    optional(
        "projects.name",
        "a text of 1 to 100 characters (200 bytes) without control characters, / and \\, not \
         beginning with .",
    ),
    optional("projects.project_id", "a text: the project's id, 1 to 64 letters, digits, - and _")
        .or_variable("HUAWEICLOUD_SDK_PROJECT_ID"),
    optional("projects.region", "a region such as \"ap-southeast-3\": small letters, digits and -"),
    key(
        "projects.endpoint",
        r#""https://workspace.{region}.myhuaweicloud.com""#,
        "a URL such as \"https://workspace.ap-southeast-3.myhuaweicloud.com\", without user, query \
         and fragment",
    )
    .of(Kind::Url),
    key("projects.insecure_http", "false", "true or false").of(Kind::Flag),
    key("projects.pool_names", "true", "true or false").of(Kind::Flag),
    optional(
        "projects.labels",
        "a table of at most 16 labels such as { site = \"north\" }: texts of 1 to 200 characters, by \
         names of letters, digits and _ that neither begin with a digit or __ nor are those of labels \
         that metrics have",
    )
    .of(Kind::Table),
    optional("projects.auth.method", "token, password, aksk, ecs-agency or profile"),
    secret("projects.auth.token"),
    key(
        "projects.auth.iam_endpoint",
        r#""https://iam.{region}.myhuaweicloud.com""#,
        "a URL such as \"https://iam.ap-southeast-3.myhuaweicloud.com\", without user, query and \
         fragment",
    )
    .of(Kind::Url),
    optional("projects.auth.domain", PRINTABLE),
    optional("projects.auth.username", PRINTABLE),
    optional("projects.auth.password", PRINTABLE).of(Kind::Secret),
    secret("projects.auth.access_key").or_variable("HUAWEICLOUD_SDK_AK"),
    secret("projects.auth.secret_key").or_variable("HUAWEICLOUD_SDK_SK"),
    secret("projects.auth.security_token").or_variable("HUAWEICLOUD_SDK_SECURITY_TOKEN"),
    key(
        "projects.auth.metadata_endpoint",
        r#""http://169.254.169.254""#,
        "a URL such as \"http://169.254.169.254\", without user, query and fragment",
    )
    .of(Kind::Url),
    key(
        "projects.auth.profile_file",
        r#""~/.huaweicloud/credentials""#,
        "the path of a file with a section [basic] that gives ak and sk",
    )
    .or_variable("HUAWEICLOUD_SDK_CREDENTIALS_FILE"),
    optional("projects.filter.desktop_id", "a text that is not empty"),
    optional("projects.filter.desktop_names", "a list of at most 100 texts without commas")
        .of(Kind::List),
    optional("projects.filter.username", "a text that is not empty"),
    optional(
        "projects.filter.status",
        "RECORDING, REC_COMPLETED, REC_FAILED, UPLOADING, UPLOAD_COMPLETED or UPLOAD_FAILED",
    ),
    optional("projects.filter.type", "FULL, INTERVAL, OPERATION or SESSION"),
];

/// The entry for a path as it was written, `_file` and `_env` of secrets included.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    exactly(path).or_else(|| variant(path).map(|(key, _)| key))
}

/// What is accepted at a path as it was written.
pub(super) fn accepts(path: &str) -> &'static str {
    match (exactly(path), variant(path)) {
        (Some(key), _) => key.accepts,
        (None, Some((_, accepts))) => accepts,
        (None, None) => "nothing",
    }
}

/// How the cloud's own tools would give a value, to be added to what is said of a missing one.
pub(super) fn otherwise(path: &str) -> String {
    let variable = exactly(path).and_then(|key| key.variable);
    variable.map_or_else(String::new, |name| format!("; or set {name}"))
}

fn exactly(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The secret that is meant by `<key>_file` or `<key>_env`, and what those accept.
fn variant(path: &str) -> Option<(&'static Key, &'static str)> {
    let (base, accepts) = match (path.strip_suffix("_file"), path.strip_suffix("_env")) {
        (Some(base), _) => (base, "the path of a file"),
        (None, Some(base)) => (base, "the name of an environment variable"),
        (None, None) => return None,
    };
    Some((exactly(base).filter(|key| key.is_secret())?, accepts))
}

/// Whether a path is a section that holds keys.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The known key or section that was probably meant: the one spelt most like it, or else the
/// only one of that name in another section.
pub(super) fn nearest(path: &str) -> Option<String> {
    let (_, last) = path.rsplit_once('.').unwrap_or(("", path));
    // Of a short word little is left after three changes.
    let most = (1 + last.chars().count() / 4).min(3);
    let known = known_paths();
    let spelt = known.iter().map(|known| (edit_distance(path, known), known)).min();
    if let Some((_, known)) = spelt.filter(|(distance, _)| *distance <= most) {
        return Some(known.clone());
    }
    let ending = format!(".{last}");
    let mut elsewhere = known.into_iter().filter(|known| known.ends_with(&ending));
    elsewhere.next().filter(|_| elsewhere.next().is_none())
}

fn known_paths() -> Vec<String> {
    let mut paths = Vec::new();
    for key in KEYS {
        paths.push(key.path.to_owned());
        if key.is_secret() {
            paths.extend([format!("{}_file", key.path), format!("{}_env", key.path)]);
        }
        let sections = key.path.match_indices('.').map(|(at, _)| key.path[..at].to_owned());
        paths.extend(sections);
    }
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// Levenshtein's distance. Paths are short; longer ones are no misspelling of ours.
pub(super) fn edit_distance(one: &str, other: &str) -> usize {
    if one.len() > 100 {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substitution = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_path_and_secrets_by_their_variants() {
        assert_eq!(find("poll.window").map(|key| key.path), Some("poll.window"));
        assert_eq!(
            find("projects.auth.token_file").map(|key| key.path),
            Some("projects.auth.token")
        );
        assert_eq!(
            find("projects.auth.token_env").map(|key| key.path),
            Some("projects.auth.token")
        );
        assert!(find("poll.window_file").is_none());
        assert!(is_section("projects.auth") && is_section("poll") && !is_section("poll.window"));
    }

    #[test]
    fn a_misspelt_or_misplaced_key_finds_the_one_that_was_meant() {
        let cases = [
            ("poll.windwo", Some("poll.window")),
            ("api.page_sizes", Some("api.page_size")),
            ("projects.auth.token_fil", Some("projects.auth.token_file")),
            ("polll", Some("poll")),
            ("projects.token_env", Some("projects.auth.token_env")),
            ("listen_addresses", Some("web.listen_addresses")),
            ("max_concurrent_requests", None),
            ("poll.foo", None),
            ("something.else", None),
        ];
        for (path, expected) in cases {
            assert_eq!(nearest(path).as_deref(), expected, "{path}");
        }
    }
}
