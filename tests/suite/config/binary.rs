//! The program itself: exit codes and output streams.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{File, PROJECT, root};

fn fixtures() -> PathBuf {
    root().join("tests/fixtures/config")
}

/// Runs the program in a folder, with only a token in its environment.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HUAWEICLOUD_TOKEN", "hush-hush")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The names of the fixtures with an extension, without it.
fn names(extension: &str) -> Vec<String> {
    let entries = std::fs::read_dir(fixtures()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(extension).map(str::to_owned)).collect();
    names.sort();
    names
}

/// Run with `BLESS=1` to update the messages, then review the diff.
#[test]
fn each_invalid_config_is_refused_with_its_message() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names(".toml") {
        let output = run(&fixtures(), &["--config.file", &format!("{name}.toml"), "check"]);
        let stderr = text(&output.stderr);
        if bless {
            std::fs::write(fixtures().join(format!("{name}.stderr")), stderr).unwrap();
        }
        let expected = std::fs::read_to_string(fixtures().join(format!("{name}.stderr"))).unwrap();
        let is_named = stderr.lines().all(|line| line.starts_with(&format!("error: {name}.toml")));
        let is_secret = stderr.to_lowercase().contains("hush");
        let is_refused = output.status.code() == Some(2) && output.stdout.is_empty();
        if stderr != expected || !is_named || is_secret || !is_refused || stderr.is_empty() {
            wrong.push(format!("{name}: {output:?}\nexpected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names(".toml"), names(".stderr"));
}

#[test]
fn check_prints_the_effective_config_without_secrets() {
    for token in ["token = \"hush-hush\"", "token_env = \"HUAWEICLOUD_TOKEN\""] {
        let project = PROJECT.replace(
            "auth = { method = \"token\", token_env = \"HUAWEICLOUD_TOKEN\" }",
            &format!("[projects.auth]\nmethod = \"token\"\n{token}"),
        );
        let file = File::new(project);
        let output = run(file.directory.path(), &["check"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(text(&output.stderr), "");
        assert_eq!(text(&output.stdout), EFFECTIVE);
    }
}

const EFFECTIVE: &str = r#"[api]
max_concurrent_requests = 4
max_requests_per_second = 10.0
max_response_bytes = "32MiB"
max_retries = 3
page_size = 1000
request_timeout = "10s"

[labels]
max_buckets = 100
max_policies = 100
max_pools = 1000
max_users = 1000
max_value_bytes = 256
user = "name"

[log]
format = "logfmt"
level = "info"

[poll]
counter_hold = "2m"
default_timeout = "10s"
max_records = 12000000
max_staleness = "10m"
min_interval = "30s"
mode = "scrape"
reconcile_interval = "1h"
timeout_offset = "500ms"
window = "15d"

[[projects]]
endpoint = "https://workspace.ap-southeast-3.myhuaweicloud.com"
insecure_http = false
name = "example"
pool_names = true
project_id = "0123456789abcdef0123456789abcdef"
region = "ap-southeast-3"

[projects.auth]
method = "token"
token = "<redacted>"

[state]
directory = "data"

[web]
created_series = false
listen_addresses = ["127.0.0.1:10047"]
max_concurrent_requests = 64
records = false
telemetry_path = "/metrics"
"#;

#[test]
fn check_accepts_the_shipped_config() {
    let output = run(root(), &["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), EFFECTIVE);
}

#[test]
fn the_absence_of_a_config_is_refused_by_every_command_that_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["check"][..], &["once"], &["serve"], &[], &["check", "--online"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(text(&output.stdout), "");
        assert_eq!(
            text(&output.stderr),
            "error: the config: projects: is empty: config.toml does not exist, and no variable describes \
             a project. Name a file with --config.file, or set \
             SCREEN_RECORDS_EXPORTER__PROJECTS__0__NAME and the other keys of a project\n"
        );
    }
}

#[test]
fn commands_and_flags_that_do_not_exist_are_refused_by_name() {
    for (arguments, words) in [
        (&["--web.config.file", "web.yml", "check"][..], "web.yml: cannot be read: No such file"),
        (
            &["check", "--web.config.file="],
            "--web.config.file: web.config_file: \"\" is not accepted",
        ),
        (&["demo", "--web.config.file=web.yml"], "web.yml: cannot be read: No such file"),
        (&["simulate", "--web.config.file=web.yml"], "argument '--web.config.file' found"),
        (
            &["--config.file=c.toml", "simulate"],
            "the command simulate does not accept --config.file; remove it",
        ),
        (&["demo", "--config.file", "c.toml"], "argument '--config.file' found"),
        (&["once", "--web.telemetry-path=/m"], "argument '--web.telemetry-path' found"),
        (
            &["--log.level=info", "--web.listen-address=:1", "once"],
            "the command once does not accept --web.listen-address; remove it",
        ),
        (&["backfill", "--output", "f"], "--start <TIME>"),
        (&["backfill", "--start", "1", "--end", "2", "--output", "f"], "--start"),
        (&["records", "--start", "2026-11-20"], "--end <TIME>"),
        (&["records", "--web.telemetry-path=/m"], "argument '--web.telemetry-path' found"),
        (&["state", "move"], "unrecognized subcommand 'move'"),
        (&["state", "copy", "--from", "a"], "--to <WHERE>"),
        (
            &["--web.telemetry-path=/m", "state", "copy", "--from", "a", "--to", "b"],
            "the command state copy does not accept --web.telemetry-path; remove it",
        ),
        (&["--no.such.flag"], "--no.such.flag"),
        (&["check", "--no.such.flag"], "--no.such.flag"),
        (&["no-such-command"], "no-such-command"),
        (&["check", "--config.file"], "--config.file"),
        (&["check", "--log.level", "loud"], "--log.level: log.level: \"loud\" is not accepted"),
        (&["check", "--log.format="], "--log.format: log.format: \"\" is not accepted"),
        (
            &["check", "--web.telemetry-path", "m"],
            "--web.telemetry-path: web.telemetry_path: \"m\"",
        ),
        (
            &["check", "--web.listen-address", "x"],
            "--web.listen-address: web.listen_addresses: \"x\" is not accepted",
        ),
    ] {
        let output = run(root(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("error: ") && stderr.contains(words), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_help_of_a_command_lists_only_the_flags_that_it_accepts() {
    let accepted = |command: &str| {
        let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let output = run(root(), &words);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let help = text(&output.stdout).to_owned();
        let names = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let names = names.filter_map(|rest| rest.split([' ', '=']).next());
        names.filter(|name| name.contains('.')).map(str::to_owned).collect::<Vec<_>>()
    };
    let log = ["log.level", "log.format"];
    let web = ["web.listen-address", "web.config.file", "web.telemetry-path"];
    let all = [&["config.file"][..], &web, &log].concat();
    assert_eq!(accepted("serve"), all);
    assert_eq!(accepted("check"), all);
    assert_eq!(accepted("healthcheck"), all);
    assert_eq!(accepted("once"), [&["config.file"][..], &log].concat());
    assert_eq!(accepted("records"), [&["config.file"][..], &log].concat());
    assert_eq!(accepted("backfill"), [&["config.file"][..], &log].concat());
    assert_eq!(accepted("demo"), [&web[..], &log].concat());
    assert_eq!(accepted("simulate"), log);
    assert_eq!(accepted("state copy"), [&["config.file"][..], &log].concat());
}

#[test]
fn only_our_own_variables_must_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let value = std::ffi::OsStr::from_bytes(b"hush\xff");
    for (name, code, expected) in [
        ("SOME_VARIABLE", 0, ""),
        (
            "SCREEN_RECORDS_EXPORTER__WEB__TELEMETRY_PATH",
            2,
            "error: SCREEN_RECORDS_EXPORTER__WEB__TELEMETRY_PATH: the value (not shown) is not \
             UTF-8\n",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
        command.arg("check").current_dir(root()).env_clear().env("HUAWEICLOUD_TOKEN", "x");
        let output = command.env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(text(&output.stderr), expected);
    }
}
