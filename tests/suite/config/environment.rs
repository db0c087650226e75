//! Variables: the environment alone as a config, variables that count as not set, service links, and
//! misspelt names.

use std::collections::BTreeMap;

use screen_records_exporter::config::{Config, KEYS, Key, Kind, Sources, VARIABLE_PREFIX};

use super::{File, PROJECT, root};

/// Values by the paths of their keys, in which `projects` is the only project.
type Values = BTreeMap<String, String>;

/// Loads a config without a file.
fn load(variables: &[(String, String)]) -> Result<Config, String> {
    let environment = variables.iter().cloned().collect();
    let sources = Sources { environment, needs_projects: true, ..Sources::default() };
    Config::load(&sources).map_err(|error| error.to_string().replace(VARIABLE_PREFIX, ".."))
}

/// The same with variables that are named without the prefix.
fn load_named(variables: &[(&str, &str)]) -> Result<Config, String> {
    load(&named(variables))
}

fn named(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let name = |name: &str| format!("{VARIABLE_PREFIX}{name}");
    variables.iter().map(|(key, text)| (name(key), (*text).to_owned())).collect()
}

/// Loads a file with variables.
fn load_file(content: &str, variables: &[(String, String)]) -> Result<Config, String> {
    let variables: Vec<_> = variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    File::new(content).load(&variables).map_err(|error| error.replace(VARIABLE_PREFIX, ".."))
}

/// The variable of a key.
fn variable(path: &str) -> String {
    let path = path.replacen("projects.", "projects.0.", 1);
    format!("{VARIABLE_PREFIX}{}", path.replace('.', "__").to_uppercase())
}

fn variables(values: &Values) -> Vec<(String, String)> {
    values.iter().map(|(path, text)| (variable(path), text.clone())).collect()
}

/// The same values as a file.
fn file(values: &Values) -> String {
    let line = |(path, text): (&String, &String)| {
        let path = path.strip_prefix("projects.").unwrap_or(path);
        let is_bare = text == "true" || text == "false" || text.parse::<f64>().is_ok();
        let listed = ["listen_addresses", "desktop_names"].iter().any(|name| path.ends_with(name));
        match (is_bare, listed) {
            (true, _) => format!("{path} = {text}\n"),
            (_, true) => format!("{path} = ['{text}']\n"),
            _ => format!("{path} = '{text}'\n"),
        }
    };
    let (project, rest): (Vec<_>, Vec<_>) =
        values.iter().partition(|(path, _)| path.starts_with("projects."));
    let lines = |values: Vec<_>| values.into_iter().map(line).collect::<String>();
    format!("{}[[projects]]\n{}", lines(rest), lines(project))
}

fn fixture(name: &str) -> String {
    root().join("tests/fixtures/config").join(name).display().to_string()
}

/// The keys without which a method is refused.
fn complete(method: &str) -> Values {
    let profile = fixture("profile");
    let auth: &[(&str, &str)] = match method {
        "token" => &[("token", "t")],
        "password" => &[("domain", "d"), ("username", "u"), ("password", "p")],
        "aksk" => &[("access_key", "a"), ("secret_key", "s")],
        "profile" => &[("profile_file", &profile)],
        _ => &[],
    };
    let auth = auth.iter().map(|(name, text)| (format!("auth.{name}"), (*text).to_owned()));
    let rest = [("name", "n"), ("project_id", "0a"), ("region", "r-1"), ("auth.method", method)];
    let rest = rest.map(|(name, text)| (name.to_owned(), text.to_owned()));
    auth.chain(rest).map(|(name, text)| (format!("projects.{name}"), text)).collect()
}

const DATABASE: &str = "postgresql://me@db.example.org/records";

/// The keys without which a key is refused.
fn complete_for(key: Option<&Key>) -> Values {
    let mut values = complete(key.and_then(|key| key.method).unwrap_or("token"));
    let required = key.and_then(|key| key.requires);
    values.extend(required.map(|path| (path.to_owned(), DATABASE.to_owned())));
    values
}

/// A value of a key that is not its default.
fn sample(key: &Key) -> String {
    let accepted = |check: fn(&str) -> bool| {
        let texts = ["/m", ":1", "x-1", "http://proxy.example.org:3128"];
        let found = texts.into_iter().find(|text| check(text));
        found.unwrap_or_else(|| panic!("add a text that {} accepts", key.path)).to_owned()
    };
    match key.kind {
        Kind::Flag | Kind::YamlFlag => (key.default != Some("true")).to_string(),
        Kind::Integer { min, .. } => min.to_string(),
        Kind::Number { min, .. } => min.to_string(),
        Kind::Duration { max, .. } | Kind::DurationOrZero { max } => format!("{}s", max.as_secs()),
        Kind::Size { max, .. } => max.to_string(),
        Kind::Choice(words) if key.path.ends_with("auth.method") => words[0].to_owned(),
        // A hash needs a key.
        Kind::Choice(words) => (*words.last().unwrap()).to_owned(),
        Kind::Text(text) | Kind::Header(text) => accepted(text.check),
        Kind::List { element, .. } => accepted(element.check),
        Kind::File(_) if key.path.ends_with("profile_file") => fixture("profile"),
        Kind::File(_) | Kind::Pem => fixture("ca.pem"),
        Kind::Directory => "x".to_owned(),
        Kind::Url | Kind::ExternalUrl => "https://x.example.org".to_owned(),
        Kind::Table(_) => "north".to_owned(),
        Kind::Secret(_) if key.path == "state.url" => DATABASE.to_owned(),
        Kind::Secret(_) => "http://secret-that-is-long-enough:3128".to_owned(),
    }
}

/// Each key with its value, beside the keys that it needs. A table has one entry.
fn keys() -> impl Iterator<Item = (String, Values)> {
    KEYS.iter().map(|key| {
        let mut values = complete_for(Some(key));
        let path = match key.kind {
            Kind::Table(_) => format!("{}.site", key.path),
            _ => key.path.to_owned(),
        };
        values.insert(path.clone(), sample(key));
        (path, values)
    })
}

#[test]
fn every_key_can_be_set_by_its_variable_with_and_without_a_file() {
    for (path, values) in keys() {
        let expected = load_file(&file(&values), &[]).unwrap_or_else(|e| panic!("{path}: {e}"));
        let alone = load(&variables(&values)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(alone, expected, "{path} without a file");

        let mut others = values.clone();
        let own = Values::from([(path.clone(), others.remove(&path).unwrap())]);
        let before = complete_for(KEYS.iter().find(|key| key.path == path));
        let overridden = load_file(&file(&before), &variables(&own)).unwrap();
        assert_eq!(overridden, expected, "{path} over a file");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set_whatever_its_key() {
    for (path, values) in keys() {
        let method = values["projects.auth.method"].clone();
        let content = file(&complete(&method));
        let expected = load_file(&content, &[]).unwrap();
        for ending in ["", "_FILE", "_ENV"] {
            let empty = [(format!("{}{ending}", variable(&path)), String::new())];
            assert_eq!(load_file(&content, &empty).as_ref(), Ok(&expected), "{empty:?}");
        }
    }
    let empty = [("NOTHING", ""), ("PROJECTS__7__NAME", ""), ("poll__window", ""), ("", "")];
    let expected = load_file(PROJECT, &[]).unwrap();
    assert_eq!(load_file(PROJECT, &named(&empty)), Ok(expected.clone()));
    let tools: Vec<_> = KEYS.iter().filter_map(|key| key.variable).collect();
    let tools: Vec<_> = tools.iter().map(|name| ((*name).to_owned(), String::new())).collect();
    assert_eq!(load_file(PROJECT, &tools), Ok(expected));
    let unset = [("HUAWEICLOUD_TOKEN".to_owned(), String::new())];
    assert_eq!(
        load_file(PROJECT, &unset).unwrap_err(),
        "FILE: projects[0].auth.token_env: the environment variable \"HUAWEICLOUD_TOKEN\" is empty, \
         which counts as not set. Set it, or use the name of another"
    );
}

#[test]
fn two_quotes_are_the_empty_text_of_a_directory() {
    let config = load_file(PROJECT, &named(&[("STATE__DIRECTORY", "\"\"")])).unwrap();
    assert_eq!(config.state_directory(), None);
}

/// The variables of a complete project.
fn project(number: usize, name: &str) -> Vec<(String, String)> {
    let keys = [("NAME", name), ("PROJECT_ID", "0"), ("REGION", "r-1")];
    let auth = [("AUTH__METHOD", "token"), ("AUTH__TOKEN", "t")];
    let all: Vec<_> = keys.into_iter().chain(auth).collect();
    let all = all.iter().map(|(key, text)| (format!("PROJECTS__{number}__{key}"), *text));
    let all: Vec<_> = all.collect();
    named(&all.iter().map(|(key, text)| (key.as_str(), *text)).collect::<Vec<_>>())
}

fn names(config: &Config) -> Vec<&str> {
    config.projects.iter().map(|project| project.name.as_str()).collect()
}

#[test]
fn the_environment_alone_describes_projects_in_the_order_of_their_numbers() {
    let twelve: Vec<_> = (0..12).flat_map(|n| project(n, &format!("p{n}"))).collect();
    let config = load(&twelve).unwrap();
    let expected: Vec<_> = (0..12).map(|number| format!("p{number}")).collect();
    assert_eq!(names(&config), expected);
}

#[test]
fn variables_add_projects_to_those_of_the_file() {
    let added: Vec<_> = (1..3).flat_map(|number| project(number, &format!("p{number}"))).collect();
    let config = load_file(PROJECT, &added).unwrap();
    assert_eq!(names(&config), ["example", "p1", "p2"]);
    let none = load_file("", &project(0, "p0")).unwrap();
    assert_eq!(names(&none), ["p0"]);
    let twice = load_file(PROJECT, &project(1, "example")).unwrap_err();
    assert_eq!(
        twice,
        "..PROJECTS__1__NAME: projects[1].name: \"example\" is the name of another project"
    );
}

#[test]
fn projects_of_variables_are_numbered_without_a_gap() {
    let gap = "..PROJECTS__2__NAME: projects[2].name: unknown project: there are 1, counted from 0; \
               the next one has the number 1";
    let variables = [project(0, "a"), named(&[("PROJECTS__2__NAME", "b")])].concat();
    assert_eq!(load(&variables).unwrap_err(), gap);
    let variables = named(&[("PROJECTS__2__NAME", "b")]);
    assert_eq!(load_file(PROJECT, &variables).unwrap_err(), gap);
}

#[test]
fn what_a_project_of_variables_lacks_is_named_with_its_variable() {
    let error = load_named(&[("PROJECTS__0__AUTH__METHOD", "token")]).unwrap_err();
    let starts = [
        "..PROJECTS__0__NAME: projects[0].name: is missing. ",
        "..PROJECTS__0__PROJECT_ID: projects[0].project_id: is missing. ",
        "..PROJECTS__0__ENDPOINT: projects[0].endpoint: is missing, and so is region; ",
        "..PROJECTS__0__AUTH__TOKEN: projects[0].auth.token: is missing. Set token, token_file ",
    ];
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), starts.len(), "{error}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_config_of_nothing_names_both_ways_to_describe_a_project() {
    assert_eq!(
        load(&[]).unwrap_err(),
        "the config: projects: is empty: config.toml does not exist, and no variable describes a \
         project. Name a file with --config.file, or set ..PROJECTS__0__NAME and the other keys of \
         a project"
    );
}

#[test]
fn constant_labels_are_set_one_by_one_and_override_those_of_the_file() {
    let file = format!("{PROJECT}labels = {{ site = 'north', stage = 'test' }}\n");
    let variables = named(&[
        ("PROJECTS__0__LABELS__SITE", "south"),
        ("PROJECTS__0__LABELS__TWO__PARTS", " a,b "),
        ("PROJECTS__0__LABELS__STAGE", ""),
    ]);
    let labels = load_file(&file, &variables).unwrap().projects[0].labels.clone();
    let expected = [("site", "south"), ("stage", "test"), ("two__parts", " a,b ")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(labels, expected);
    for (name, text, expected) in [
        ("STATUS", "x", "labels: status: is a label of the metrics themselves; use another name"),
        ("1", "x", "labels: 1: is not the name of a label: 1 to 64 letters, digits and _"),
        ("SITE", "a\tb", "labels.site: \"a\\tb\" is not accepted. Accepted is a text of 1 to 200"),
    ] {
        let name = format!("PROJECTS__0__LABELS__{name}");
        let error = load_file(PROJECT, &named(&[(&name, text)])).unwrap_err();
        assert!(error.starts_with(&format!("..{name}: projects[0].{expected}")), "{error}");
    }
    let many: Vec<_> = (0..17).map(|n| format!("PROJECTS__0__LABELS__L{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    let error = load_file(PROJECT, &named(&many)).unwrap_err();
    assert!(error.contains("is not accepted. Accepted is a table of at most 16 labels"), "{error}");
}

/// The variables that Kubernetes injects for a service with two ports, one of them named.
fn links(service: &str, address: &str) -> Vec<(String, String)> {
    let service = service.to_uppercase().replace('-', "_");
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    let mut variables = vec![
        ("SERVICE_HOST".to_owned(), address.to_owned()),
        ("SERVICE_PORT".to_owned(), "80".to_owned()),
        ("SERVICE_PORT_HTTP".to_owned(), "80".to_owned()),
        ("SERVICE_PORT_MY_DNS".to_owned(), "53".to_owned()),
        ("PORT".to_owned(), format!("tcp://{host}:80")),
    ];
    for (port, protocol) in [("80", "tcp"), ("53", "udp")] {
        let name = format!("PORT_{port}_{}", protocol.to_uppercase());
        variables.extend([
            (name.clone(), format!("{protocol}://{host}:{port}")),
            (format!("{name}_PROTO"), protocol.to_owned()),
            (format!("{name}_PORT"), port.to_owned()),
            (format!("{name}_ADDR"), address.to_owned()),
        ]);
    }
    variables.into_iter().map(|(name, text)| (format!("{service}_{name}"), text)).collect()
}

#[test]
fn service_links_are_left_alone_whatever_the_name_of_the_service() {
    let expected = load_file(PROJECT, &[]).unwrap();
    for service in ["", "--canary", "--web", "--api--canary", "--poll--window", "--projects--0"] {
        for address in ["10.0.0.1", "fd00::1"] {
            let links = links(&format!("screen-records-exporter{service}"), address);
            assert_eq!(load_file(PROJECT, &links).as_ref(), Ok(&expected), "{service}");
            let sources =
                Sources { environment: links.into_iter().collect(), ..Sources::default() };
            assert_eq!(sources.misnamed_variables(), []);
        }
    }
}

#[test]
fn what_resembles_a_service_link_is_refused_as_a_misspelt_key() {
    let own = links("screen-records-exporter--web", "10.0.0.1");
    for (name, text) in [
        // Beside the variables of a service, but not one of them.
        ("WEB_TELEMETRY_PATH", "/m"),
        ("WEB_PORT_NAME", "http"),
        ("WEB_PORTS", "tcp://10.0.0.1:80"),
        ("WEB_PORT_80_TCP_HOST", "10.0.0.1"),
        ("WEB_SERVICE_PORT_HTTPS", "https"),
        ("WEBPORT", "80"),
        ("API_PORT", "tcp://10.0.0.1:80"),
        // Without the others of its service.
        ("LOG_SERVICE_HOST", "10.0.0.1"),
        ("LOG_SERVICE_PORT", "80"),
    ] {
        let variables = [own.clone(), named(&[(name, text)])].concat();
        let error = load_file(PROJECT, &variables).unwrap_err();
        assert!(error.starts_with(&format!("..{name}: ")) && error.lines().count() == 1, "{error}");
    }
    let pair = named(&[("LOG_SERVICE_HOST", "example.org"), ("LOG_SERVICE_PORT", "80")]);
    assert_eq!(load_file(PROJECT, &pair).unwrap_err().lines().count(), 2);
    // A label may have any name.
    let label = format!("{VARIABLE_PREFIX}PROJECTS__0__LABELS__A");
    let variables = [
        (format!("{label}_SERVICE_HOST"), "10.0.0.1".to_owned()),
        (format!("{label}_SERVICE_PORT"), "80".to_owned()),
    ];
    assert_eq!(load_file(PROJECT, &variables).unwrap().projects[0].labels.len(), 2);
}

#[test]
fn each_variable_with_a_single_underscore_between_levels_is_named_with_the_one_that_was_meant() {
    let prefix = VARIABLE_PREFIX.strip_suffix('_').unwrap();
    for (path, _) in keys() {
        let right = variable(&path);
        let single = format!("{prefix}{}", right[VARIABLE_PREFIX.len()..].replace("__", "_"));
        let mixed = format!("{prefix}{}", &right[VARIABLE_PREFIX.len()..]);
        for name in [single, mixed] {
            let environment = BTreeMap::from([(name.clone(), "x".to_owned())]);
            let sources = Sources { environment, ..Sources::default() };
            assert_eq!(sources.misnamed_variables(), [(name.as_str(), right.clone())]);
        }
    }
    for name in
        ["PORT", "POLL", "POLL_WINDW", "PROJECTS_NAME", "PROJECTS_01_NAME", "", "SERVICE_HOST"]
    {
        let environment = BTreeMap::from([(format!("{prefix}{name}"), "x".to_owned())]);
        let sources = Sources { environment, ..Sources::default() };
        assert_eq!(sources.misnamed_variables(), [], "{name}");
    }
    for (name, meant) in [
        ("POLL_WINDOW", "POLL__WINDOW"),
        ("PROJECTS_0__NAME", "PROJECTS__0__NAME"),
        ("PROJECTS_0_AUTH_TOKEN_FILE", "PROJECTS__0__AUTH__TOKEN_FILE"),
        ("PROJECTS__0__AUTH_TOKEN_ENV", "PROJECTS__0__AUTH__TOKEN_ENV"),
        ("PROJECTS__0__LABELS_SITE", "PROJECTS__0__LABELS__SITE"),
        ("WEB__TELEMETRY__PATH", "WEB__TELEMETRY_PATH"),
    ] {
        let error = load_file(PROJECT, &named(&[(name, "hush")])).unwrap_err();
        let expected = format!("unknown key; did you mean ..{meant}?");
        assert!(error.ends_with(&expected) && error.starts_with(&format!("..{name}: ")), "{error}");
    }
}

#[test]
fn an_error_comes_with_the_variables_that_were_not_read() {
    let single = ("SCREEN_RECORDS_EXPORTER_PROJECTS_0_NAME".to_owned(), "a".to_owned());
    let error = load(&[single]).unwrap_err();
    let expected =
        "SCREEN_RECORDS_EXPORTER_PROJECTS_0_NAME: is not read; did you mean ..PROJECTS__0__NAME?";
    assert_eq!(error.lines().last().unwrap(), expected);
}
