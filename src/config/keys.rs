//! The one table of keys: which exist, which are built, what they accept, their defaults.

/// A key of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Path, `projects.` standing for each element of the list.
    pub path: &'static str,
    /// Default as TOML; `None` where there is none.
    pub default: Option<&'static str>,
    /// What is accepted, for people.
    pub accepts: &'static str,
    /// Whether this version does what it says. One that does not is refused, never ignored.
    pub is_built: bool,
    /// Whether its value must never be shown. It can also be given as `<key>_file`, `<key>_env`.
    pub is_secret: bool,
}

const fn key(path: &'static str, default: &'static str, accepts: &'static str) -> Key {
    Key { path, default: Some(default), accepts, is_built: true, is_secret: false }
}

const fn optional(path: &'static str, accepts: &'static str) -> Key {
    Key { path, default: None, accepts, is_built: true, is_secret: false }
}

const fn secret(path: &'static str) -> Key {
    Key { path, default: None, accepts: "a text", is_built: true, is_secret: true }
}

const fn later(key: Key) -> Key {
    Key { is_built: false, ..key }
}

/// Every key of the contract.
pub const KEYS: &[Key] = &[
    key(
        "web.listen_addresses",
        r#"["127.0.0.1:10047"]"#,
        "a list of addresses such as \"127.0.0.1:10047\" or \"[::1]:10047\"",
    ),
    key("web.telemetry_path", r#""/metrics""#, "a path that begins with / and is no other page"),
    later(optional("web.config_file", "a path")),
    key("web.max_concurrent_requests", "64", "a whole number from 1 to 10000"),
    later(optional("web.created_series", "true or false")),
    key("log.level", r#""info""#, "error, warn, info, debug or trace"),
    key("log.format", r#""logfmt""#, "logfmt or json"),
    key("poll.mode", r#""scrape""#, "scrape or background"),
    key("poll.min_interval", r#""30s""#, "a duration such as \"30s\", from 0s to 1h"),
    key("poll.timeout_offset", r#""500ms""#, "a duration such as \"500ms\", from 0s to 1m"),
    key("poll.default_timeout", r#""10s""#, "a duration such as \"10s\", from 100ms to 10m"),
    key("poll.window", r#""15d""#, "a duration such as \"15d\", from 1m to 180d"),
    key("poll.max_staleness", r#""10m""#, "a duration such as \"10m\", from 1s to 7d"),
    later(optional("poll.reconcile_interval", "a duration")),
    later(optional("poll.counter_hold", "a duration")),
    key("api.page_size", "1000", "a whole number from 1 to 1000"),
    key("api.max_concurrent_requests", "4", "a whole number from 1 to 64"),
    key("api.max_requests_per_second", "10", "a number above 0, at most 1000"),
    key("api.request_timeout", r#""10s""#, "a duration such as \"10s\", from 100ms to 5m"),
    key("api.max_retries", "3", "a whole number from 0 to 10"),
    key("api.max_response_bytes", r#""32MiB""#, "a size such as \"32MiB\", from 1KiB to 1GiB"),
    later(optional("api.ca_file", "a path")),
    later(optional("api.proxy_url", "a URL")),
    later(optional("state.directory", "a path")),
    later(optional("labels.user", "name, hash or drop")),
    later(secret("labels.user_hash_key")),
    later(optional("labels.max_users", "a whole number")),
    later(optional("labels.max_pools", "a whole number")),
    optional("projects.name", "a name of 1 to 100 characters without control characters, / or \\"),
    optional("projects.project_id", "the project's id: letters, digits, - and _"),
    optional("projects.region", "a region such as \"ap-southeast-3\""),
    optional(
        "projects.endpoint",
        "a URL such as \"https://workspace.ap-southeast-3.myhuaweicloud.com\"",
    ),
    key("projects.insecure_http", "false", "true or false"),
    key("projects.pool_names", "true", "true or false"),
    later(optional("projects.labels", "a table of labels")),
    optional("projects.auth.method", "token"),
    secret("projects.auth.token"),
    later(optional("projects.auth.iam_endpoint", "a URL")),
    later(optional("projects.auth.domain", "a text")),
    later(optional("projects.auth.username", "a text")),
    later(secret("projects.auth.password")),
    later(secret("projects.auth.access_key")),
    later(secret("projects.auth.secret_key")),
    later(secret("projects.auth.security_token")),
    later(optional("projects.auth.metadata_endpoint", "a URL")),
    later(optional("projects.auth.profile_file", "a path")),
    optional("projects.filter.desktop_id", "a text"),
    optional("projects.filter.desktop_names", "a list of at most 100 texts"),
    optional("projects.filter.username", "a text"),
    optional(
        "projects.filter.status",
        "RECORDING, REC_COMPLETED, REC_FAILED, UPLOADING, UPLOAD_COMPLETED or UPLOAD_FAILED",
    ),
    optional("projects.filter.type", "FULL, INTERVAL, OPERATION or SESSION"),
];

/// The entry for a path as it was written, `_file` and `_env` of secrets included.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    let exactly = |path: &str| KEYS.iter().find(|key| key.path == path);
    exactly(path).or_else(|| {
        let base = path.strip_suffix("_file").or_else(|| path.strip_suffix("_env"))?;
        exactly(base).filter(|key| key.is_secret)
    })
}

/// Whether a path is a section that holds keys.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The known path that looks most like this one, if any looks like it.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let (distance, nearest) =
        KEYS.iter().map(|key| (edit_distance(path, key.path), key.path)).min()?;
    (distance <= 3).then_some(nearest)
}

/// Levenshtein's distance. Paths are short; longer ones are no misspelling of ours.
fn edit_distance(one: &str, other: &str) -> usize {
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
    fn a_misspelt_key_finds_its_neighbour() {
        assert_eq!(nearest("poll.windwo"), Some("poll.window"));
        assert_eq!(nearest("api.page_sizes"), Some("api.page_size"));
        assert_eq!(nearest("something.else"), None);
    }
}
