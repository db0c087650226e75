//! The sources of values, and their precedence.

use std::path::PathBuf;
use std::time::Duration;

use screen_records_exporter::config::{Config, LogLevel, Sources};

use super::{File, PROJECT, load, sources};

const PREFIX: &str = "SCREEN_RECORDS_EXPORTER__";

/// The error in a config with variables, which are named without the prefix.
fn refusal(content: &str, variables: &[(&str, &str)]) -> String {
    let variables: Vec<_> = variables.iter().map(|(k, v)| (format!("{PREFIX}{k}"), *v)).collect();
    let variables: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let error = File::new(content).load(&variables).unwrap_err();
    error.replace(PREFIX, "..")
}

fn loaded(content: &str, variables: &[(&str, &str)]) -> Config {
    let variables: Vec<_> = variables.iter().map(|(k, v)| (format!("{PREFIX}{k}"), *v)).collect();
    let variables: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    File::new(content).load(&variables).unwrap()
}

#[test]
fn an_unreadable_file_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::write(path("plain"), "").unwrap();
    std::fs::write(path("latin1"), b"# caf\xe9\n").unwrap();
    std::fs::write(path("large"), "#".repeat((1 << 20) + 1)).unwrap();
    let cases = [
        (
            "missing",
            "cannot be read: No such file or directory (os error 2). Name another file with",
        ),
        // Root can read a file of any mode, but not this one.
        ("plain/below", "cannot be read: Not a directory (os error 20). Name another file with"),
        ("folder", "is a directory. Name a file with"),
        ("large", "cannot be read: it is larger than 1048576 bytes. Name another file with"),
    ];
    for (name, words) in cases {
        let error = load(&path(name), &[]).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {words} --config.file", path(name).display()));
    }
    let error = load(&path("latin1"), &[]).unwrap_err().to_string();
    assert_eq!(error, format!("{}: is not UTF-8 text. Save it as UTF-8", path("latin1").display()));
}

#[test]
fn a_file_may_be_as_large_as_the_limit_and_have_windows_line_ends_and_a_byte_order_mark() {
    let largest = format!("{PROJECT}{}", "#".repeat((1 << 20) - PROJECT.len()));
    let windows = format!("\u{feff}{}", PROJECT.replace('\n', "\r\n"));
    for content in [largest, windows] {
        assert_eq!(loaded(&content, &[]).projects.len(), 1);
    }
}

#[test]
fn flags_override_the_environment_which_overrides_the_file_which_overrides_the_defaults() {
    let file = File::new(format!("[log]\nlevel = \"error\"\n{PROJECT}"));
    let level = |file: &File, variable: Option<&str>, flag: Option<&str>| {
        let mut sources = sources(&file.path(), &[]);
        let variable = variable.map(|level| (format!("{PREFIX}LOG__LEVEL"), level.to_owned()));
        sources.environment.extend(variable);
        sources
            .flags
            .extend(flag.map(|level| ("log.level", "--log.level", vec![level.to_owned()])));
        Config::load(&sources).unwrap().log.level
    };
    assert_eq!(level(&File::new(PROJECT), None, None), LogLevel::Info);
    assert_eq!(level(&file, None, None), LogLevel::Error);
    assert_eq!(level(&file, Some("debug"), None), LogLevel::Debug);
    assert_eq!(level(&file, Some("debug"), Some("trace")), LogLevel::Trace);
    assert_eq!(level(&file, None, Some("trace")), LogLevel::Trace);
}

#[test]
fn a_section_that_is_not_a_table_is_refused_though_one_of_its_keys_is_overridden() {
    let file = File::new(format!("poll = 'scrape'\nlog = 'debug'\nweb = 5\n{PROJECT}"));
    let mut sources = sources(&file.path(), &[]);
    let variable = (format!("{PREFIX}POLL__WINDOW"), "7d".to_owned());
    sources.environment.extend([variable]);
    sources.flags.push(("log.level", "--log.level", vec!["info".to_owned()]));
    sources.flags.push(("web.telemetry_path", "--web.telemetry-path", vec!["/m".to_owned()]));
    let error = Config::load(&sources).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    for (line, name) in lines.iter().zip(["log", "poll", "web"]) {
        let file = file.path();
        let expected =
            format!("{}: {name}: is a section, not a value. Accepted in it are ", file.display());
        assert!(line.starts_with(&expected), "{line}");
    }
}

#[test]
fn a_pipe_instead_of_a_token_file_is_refused_without_waiting_for_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let auth = format!("token_file = {:?}", pipe.to_str().unwrap());
    let file = File::new(PROJECT.replace("token_env = \"HUAWEICLOUD_TOKEN\"", &auth));
    assert_eq!(
        file.load(&[]).unwrap_err(),
        format!(
            "FILE: projects[0].auth.token_file: the file {pipe:?} is a pipe, which cannot be read \
             again. Put the token into a regular file"
        )
    );
}

#[test]
fn every_kind_of_key_can_be_set_by_a_variable() {
    let config = loaded(
        PROJECT,
        &[
            ("WEB__LISTEN_ADDRESSES", ":1234, [::1]:10047,localhost:80"),
            ("WEB__TELEMETRY_PATH", "/m"),
            ("POLL__WINDOW", "7d"),
            ("API__PAGE_SIZE", " 100 "),
            ("API__MAX_REQUESTS_PER_SECOND", "2.5"),
            ("API__MAX_RESPONSE_BYTES", "1MiB"),
            ("PROJECTS__0__PROJECT_ID", "0123"),
            ("PROJECTS__0__POOL_NAMES", "false"),
            ("PROJECTS__0__FILTER__DESKTOP_NAMES", "one, two"),
            ("PROJECTS__0__FILTER__USERNAME", "[abc]"),
        ],
    );
    let addresses: Vec<_> = config.web.listen_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, [":1234", "[::1]:10047", "127.0.0.1:80"]);
    assert_eq!(config.web.telemetry_path, "/m");
    assert_eq!(config.poll.window, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(config.api.page_size, 100);
    assert!((config.api.max_requests_per_second - 2.5).abs() < f64::EPSILON);
    assert_eq!(config.api.max_response_bytes.to_string(), "1MiB");
    let project = &config.projects[0];
    assert_eq!(project.project_id, "0123");
    assert!(!project.pool_names);
    assert_eq!(project.filter.desktop_names.as_deref().unwrap(), ["one", "two"]);
    assert_eq!(project.filter.username.as_deref(), Some("[abc]"));
}

#[test]
fn the_limits_of_a_range_are_accepted() {
    const DAY: u64 = 24 * 3600;
    for (interval, hold, most) in
        [(("1m", 60), ("0s", 0), 1), (("30d", 30 * DAY), ("1h", 3600), 100_000)]
    {
        let config = loaded(
            &format!(
                "[poll]\nreconcile_interval = \"{}\"\ncounter_hold = \"{}\"\n[labels]\n\
                 max_users = {most}\nmax_pools = {most}\n{PROJECT}",
                interval.0, hold.0
            ),
            &[],
        );
        assert_eq!(config.poll.reconcile_interval, Duration::from_secs(interval.1));
        assert_eq!(config.poll.counter_hold, Duration::from_secs(hold.1));
        assert_eq!((config.labels.max_users, config.labels.max_pools), (most, most));
    }
}

#[test]
fn an_empty_directory_keeps_the_state_in_memory() {
    let directory = |config: Config| config.state_directory().map(PathBuf::from);
    assert_eq!(directory(loaded(PROJECT, &[])), Some("data".into()));
    for (text, expected) in
        [("\"\"", None), ("a b", Some("a b".into())), ("/x/", Some("/x/".into()))]
    {
        let file = format!("[state]\ndirectory = \"{}\"\n{PROJECT}", text.trim_matches('"'));
        assert_eq!(directory(loaded(&file, &[])), expected);
        let variable = [("STATE__DIRECTORY", text)];
        assert_eq!(directory(loaded(PROJECT, &variable)), expected, "{text:?} in a variable");
    }
}

#[test]
fn a_token_in_a_variable_is_not_changed_and_overrides_the_file() {
    use records_api::secret::Source;
    use screen_records_exporter::config::Auth;
    for token in ["0123", "[abc]", "true", "{a=1}", "\"x\"", "1e5", "a,b"] {
        let config = loaded(PROJECT, &[("PROJECTS__0__AUTH__TOKEN", token)]);
        let Auth::Token(keys) = &config.projects[0].auth else { panic!("{config:?}") };
        let Source::Value(kept) = &keys.token else { panic!("{keys:?}") };
        assert_eq!(kept.expose(), token);
    }
}

#[test]
fn a_wrong_variable_is_named() {
    let cases: [(&[(&str, &str)], &str); 19] = [
        (
            &[("POLL__WINDOW", "soon")],
            "..POLL__WINDOW: poll.window: \"soon\" is not accepted. Accepted is a duration such as \
             \"15d\", from 1m to 180d",
        ),
        (
            &[("API__PAGE_SIZE", "many")],
            "..API__PAGE_SIZE: api.page_size: \"many\" is not accepted. Accepted is a whole number \
             from 1 to 1000",
        ),
        (
            &[("API__PAGE_SIZE", "5000")],
            "..API__PAGE_SIZE: api.page_size: 5000 is not accepted. Accepted is a whole number \
             from 1 to 1000",
        ),
        (
            &[("WEB__LISTEN_ADDRESSES", "x")],
            "..WEB__LISTEN_ADDRESSES: web.listen_addresses: \"x\" is not accepted. Accepted is an \
             address such as \"127.0.0.1:10047\", \"[::1]:10047\" or \":10047\"",
        ),
        (
            &[("POLL__WINDWO", "1d")],
            "..POLL__WINDWO: poll.windwo: unknown key; did you mean poll.window?",
        ),
        (
            &[("POLL__WINDOW", "7d"), ("poll__window", "8d")],
            "..poll__window: poll.window: is set by ..POLL__WINDOW too; keep one",
        ),
        (
            &[("NOTHING", "1")],
            "..NOTHING: nothing: unknown key. Accepted are web, log, poll, api, state, labels \
             and projects",
        ),
        (&[("", "1")], "..: is the prefix of a variable; a section and a key must follow"),
        (&[("POLL", "1")], "..POLL: poll: is a section, not a value; set its keys one by one"),
        (&[("API__PAGE_SIZE__X", "1")], "..API__PAGE_SIZE__X: api.page_size.x: unknown key"),
        (
            &[("LABELS__USER", "hash")],
            "..LABELS__USER: labels.user_hash_key: is missing. Set user_hash_key, user_hash_key_file (a \
             path) or user_hash_key_env (the name of an environment variable)",
        ),
        (
            &[("PROJECTS__0__LABELS", "x")],
            "..PROJECTS__0__LABELS: projects[0].labels: is a table; set one label, such as \
             ..PROJECTS__0__LABELS__SITE",
        ),
        (
            &[("PROJECTS", "a")],
            "..PROJECTS: projects: is a list; set one key of one project, \
             such as ..PROJECTS__0__NAME",
        ),
        (
            &[("PROJECTS__ONE__NAME", "a")],
            "..PROJECTS__ONE__NAME: projects.one.name: is a list; set one key of one project, \
             such as ..PROJECTS__0__NAME",
        ),
        (
            &[("PROJECTS__7__NAME", "a")],
            "..PROJECTS__7__NAME: projects[7].name: unknown project: there are 1, counted from 0; \
             the next one has the number 1",
        ),
        (
            &[("PROJECTS__0__TOKEN", "hush-hush")],
            "..PROJECTS__0__TOKEN: projects[0].token: unknown key; did you mean \
             projects.auth.token?",
        ),
        (
            &[("PROJECTS__0__AUTH__PASSWORD_FILE", "x")],
            "..PROJECTS__0__AUTH__PASSWORD_FILE: projects[0].auth.password_file: belongs to \
             method = \"password\"; remove it, or choose that method in place of \"token\"",
        ),
        (
            &[("PROJECTS__0__POOL_NAMES", "yes")],
            "..PROJECTS__0__POOL_NAMES: projects[0].pool_names: \"yes\" is not accepted. Accepted \
             is true or false",
        ),
        (
            &[("PROJECTS__0__AUTH__TOKEN", "x"), ("PROJECTS__0__AUTH__TOKEN_ENV", "Y")],
            "..PROJECTS__0__AUTH__TOKEN: projects[0].auth.token: the token is set by token and by \
             token_env; keep one",
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(refusal(PROJECT, variables), expected);
    }
}

#[test]
fn variables_of_other_programs_are_ignored() {
    let others = [
        ("SCREEN_RECORDS_EXPORTER_PORT", "tcp://10.0.0.1:10047"),
        ("SCREEN_RECORDS_EXPORTER_SERVICE_HOST", "10.0.0.1"),
        ("SCREEN_RECORDS_EXPORTER_PORT_10047_TCP_ADDR", "10.0.0.1"),
        ("SCREEN_RECORDS_EXPORTER", "1"),
        ("POLL__WINDOW", "1d"),
    ];
    let config = File::new(PROJECT).load(&others).unwrap();
    assert_eq!(config.to_toml(), loaded(PROJECT, &[]).to_toml());
}

#[test]
fn without_a_file_the_defaults_apply_and_projects_are_optional() {
    let sources = Sources::default();
    assert!(Config::load(&sources).unwrap().projects.is_empty());
    let error = Config::load(&Sources { needs_projects: true, ..sources }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the config: projects: is empty: config.toml does not exist, and no variable describes a \
         project. Name a file with --config.file, or set \
         SCREEN_RECORDS_EXPORTER__PROJECTS__0__NAME and the other keys of a project"
    );
}
