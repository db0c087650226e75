//! The configuration: what is shipped, what is refused and in which words, what beats what, and
//! that nothing ever shows a secret.

mod auth;
mod binary;
mod log;
mod page;
mod secrets;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use screen_records_exporter::config::{Config, ConfigError, KEYS, Sources};

/// A project that lacks nothing.
const PROJECT: &str = r#"
[[projects]]
name = "example"
project_id = "0123456789abcdef0123456789abcdef"
region = "ap-southeast-3"
auth = { method = "token", token_env = "HUAWEICLOUD_TOKEN" }
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A config file that goes away with this.
struct File {
    directory: tempfile::TempDir,
}

impl File {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("config.toml"), content).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("config.toml")
    }

    /// What loading says, the file's name shortened to `FILE`.
    fn load(&self, environment: &[(&str, &str)]) -> Result<Config, String> {
        let result = load(&self.path(), environment);
        result.map_err(|error| error.to_string().replace(self.path().to_str().unwrap(), "FILE"))
    }
}

fn sources(file: &Path, environment: &[(&str, &str)]) -> Sources {
    let token = [("HUAWEICLOUD_TOKEN", "t0ken")];
    let environment = token.iter().chain(environment);
    Sources {
        file: Some(file.to_owned()),
        environment: environment.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        needs_projects: true,
        ..Sources::default()
    }
}

fn load(file: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(&sources(file, environment))
}

/// Every value, for comparing two configs.
fn values(config: &Config) -> String {
    format!("{config:#?}")
}

#[test]
fn the_shipped_config_is_the_defaults_and_one_example_project() {
    let shipped = load(&root().join("config.toml"), &[]).unwrap();
    let minimal = File::new(PROJECT).load(&[]).unwrap();
    assert_eq!(values(&shipped), values(&minimal));
}

#[test]
fn the_shipped_config_shows_every_key_with_its_default() {
    let text = std::fs::read_to_string(root().join("config.toml")).unwrap();
    let shipped: toml::Table = text.parse().unwrap();
    let defaults: BTreeMap<_, _> = KEYS
        .iter()
        .filter_map(|key| Some((key.path, value(key.default?))))
        // What follows from the region has no value of its own.
        .filter(|(_, default)| !default.to_string().contains("{region}"))
        .collect();
    let mut shown = vec![shipped];
    shown.extend(other_ways(&text).iter().map(|way| way.parse().unwrap()));
    let find = |path: &str| shown.iter().find_map(|table| find(table, path));
    let found: BTreeMap<_, _> = defaults
        .keys()
        .map(|path| (*path, find(path).unwrap_or_else(|| panic!("{path} is not in it"))))
        .collect();
    assert_eq!(found, defaults);
}

/// The shipped config with each section `[projects.auth]` that it shows as a comment, in place of
/// the one that is none.
fn other_ways(shipped: &str) -> Vec<String> {
    let (before, after) = shipped.split_once("\n[projects.auth]\n").unwrap();
    let sections = after.split("# [projects.auth]\n").skip(1);
    let sections = sections.map(|section| {
        let lines = section.lines().map_while(|line| line.strip_prefix("# "));
        lines.collect::<Vec<_>>().join("\n")
    });
    sections.map(|section| format!("{before}\n[projects.auth]\n{section}")).collect()
}

#[test]
fn the_shipped_config_shows_every_way_to_sign_in() {
    let text = std::fs::read_to_string(root().join("config.toml")).unwrap();
    let profile = root().join("tests/fixtures/config/profile");
    let mut methods = Vec::new();
    for way in other_ways(&text) {
        let way = way.replace("~/.huaweicloud/credentials", profile.to_str().unwrap());
        let environment = ["PASSWORD", "ACCESS_KEY", "SECRET_KEY"];
        let environment = environment.map(|name| format!("HUAWEICLOUD_{name}"));
        let environment: Vec<_> = environment.iter().map(|name| (name.as_str(), "x")).collect();
        let config = File::new(way).load(&environment).unwrap();
        let shown = format!("{:?}", config.projects[0].auth);
        methods.push(shown.split([' ', '(']).next().unwrap().to_owned());
    }
    methods.sort();
    assert_eq!(methods, ["AccessKey", "EcsAgency", "Password", "Profile"]);
}

#[test]
fn keys_have_a_default_or_a_reason_to_have_none() {
    let without: Vec<_> = KEYS
        .iter()
        .filter(|key| key.default.is_none() && !key.path.starts_with("projects."))
        .map(|key| key.path)
        .collect();
    // Most networks need none of them.
    let expected = ["web.config_file", "api.ca_file", "api.proxy_url", "labels.user_hash_key"];
    assert_eq!(without, expected);
}

fn value(text: &str) -> toml::Value {
    format!("x = {text}").parse::<toml::Table>().unwrap().remove("x").unwrap()
}

/// The value at a path; `projects` is the first of the list.
fn find(table: &toml::Table, path: &str) -> Option<toml::Value> {
    let mut value = &toml::Value::Table(table.clone());
    for name in path.split('.') {
        value = value.get(name)?;
        value = value.get(0).filter(|_| name == "projects").unwrap_or(value);
    }
    Some(value.clone())
}
