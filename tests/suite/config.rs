//! The config: the shipped file, errors and their texts, precedence of the sources, and secrets, which are
//! never shown.

mod auth;
mod binary;
mod environment;
mod log;
mod page;
mod secrets;
mod sources;
mod startup;
mod state;
mod state_copy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use screen_records_exporter::config::{Config, ConfigError, KEYS, Sources};

/// A complete project.
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

/// A config file that is removed on drop.
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

    /// Loads the file; an error has `FILE` in place of its path.
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

/// All values, to compare two configs.
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
        // A default that contains the region has no fixed value.
        .filter(|(_, default)| !default.to_string().contains("{region}"))
        .collect();
    let mut shown = vec![shipped];
    shown.extend(other_methods(&text).iter().map(|text| text.parse().unwrap()));
    shown.push(database(&text).parse().unwrap());
    let find = |path: &str| shown.iter().find_map(|table| find(table, path));
    let found: BTreeMap<_, _> = defaults
        .keys()
        .map(|path| (*path, find(path).unwrap_or_else(|| panic!("{path} is not in it"))))
        .collect();
    assert_eq!(found, defaults);
}

/// The shipped config with each of its commented sections `[projects.auth]` in place of the active one.
fn other_methods(shipped: &str) -> Vec<String> {
    let (before, after) = shipped.split_once("\n[projects.auth]\n").unwrap();
    let sections = after.split("# [projects.auth]\n").skip(1);
    let sections = sections.map(|section| {
        let lines = section.lines().map_while(|line| line.strip_prefix("# "));
        lines.collect::<Vec<_>>().join("\n")
    });
    sections.map(|section| format!("{before}\n[projects.auth]\n{section}")).collect()
}

/// The shipped config with the commented database in place of the directory.
fn database(shipped: &str) -> String {
    let (before, after) = shipped.split_once("directory = \"data\"\n").unwrap();
    let (section, after) = after.split_once("\n[labels]").unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("# "));
    let is_key = |line: &&str| line.contains(" = ") && !line.starts_with('`');
    let lines: Vec<_> = lines.filter(is_key).collect();
    format!("{before}{}\n\n[labels]{after}", lines.join("\n"))
}

#[test]
fn the_shipped_config_shows_a_database() {
    let text = std::fs::read_to_string(root().join("config.toml")).unwrap();
    let authority = root().join("tests/fixtures/config/ca.pem");
    let text =
        database(&text).replace("/etc/screen-records-exporter/ca.pem", authority.to_str().unwrap());
    let url = [("DATABASE_URL", "postgresql://me:p@db.example.org/records")];
    let config = File::new(text).load(&url).unwrap();
    let database = config.state.database.unwrap();
    assert_eq!(database.address().unwrap().to_string(), "db.example.org/records");
    assert!(database.ca_file.is_some() && database.replica == "a");
}

#[test]
fn the_shipped_config_shows_every_sign_in_method() {
    let text = std::fs::read_to_string(root().join("config.toml")).unwrap();
    let profile = root().join("tests/fixtures/config/profile");
    let mut methods = Vec::new();
    for method in other_methods(&text) {
        let method = method.replace("~/.huaweicloud/credentials", profile.to_str().unwrap());
        let environment = ["PASSWORD", "ACCESS_KEY", "SECRET_KEY"];
        let environment = environment.map(|name| format!("HUAWEICLOUD_{name}"));
        let environment: Vec<_> = environment.iter().map(|name| (name.as_str(), "x")).collect();
        let config = File::new(method).load(&environment).unwrap();
        let shown = format!("{:?}", config.projects[0].auth);
        methods.push(shown.split([' ', '(']).next().unwrap().to_owned());
    }
    methods.sort();
    assert_eq!(methods, ["AccessKey", "EcsAgency", "Password", "Profile"]);
}

#[test]
fn only_keys_that_most_networks_do_not_need_have_no_default() {
    let without: Vec<_> = KEYS
        .iter()
        .filter(|key| key.default.is_none() && !key.path.starts_with("projects."))
        .map(|key| key.path)
        .collect();
    let expected = [
        "web.external_url",
        "web.route_prefix",
        "web.config_file",
        "api.ca_file",
        "api.proxy_url",
        "state.url",
        "state.ca_file",
        "state.replica",
        "labels.user_hash_key",
    ];
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
