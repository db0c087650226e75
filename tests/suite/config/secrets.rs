//! Properties: nothing panics, the effective config can be read again, and nothing shows a secret.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use screen_records_exporter::config::{Config, KEYS};

use super::{File, PROJECT, root, sources, values};

/// A secret that no message contains by chance.
fn secret() -> impl Strategy<Value = String> {
    ("[A-Za-z0-9+/=_-]{0,12}", "[A-Za-z0-9+/=-]{0,12}").prop_map(|(a, b)| format!("{a}Zq9xQz{b}"))
}

fn shows(text: &str) -> bool {
    text.to_lowercase().contains("zq9xqz")
}

/// Places where a secret may end up by mistake; `@` stands for it, U+0001 for a password in a URL.
const MISPLACED: [&str; 32] = [
    "projects = '@'",
    "projects = ['@']",
    "token = '@'\n+",
    "auth = '@'\n+",
    "poll = '@'\n+",
    "[auth]\ntoken = '@'\n+",
    "+\ntoken = '@'",
    "+\nauth = '@'",
    "+\nauth = ['@']",
    "+\nauth = { token = '@' }",
    "+\nauth = { method = 'token', token = ['@'] }",
    "+\nauth = { method = 'token', token = { value = '@' } }",
    "+\nauth = { method = 'token', token = 'two @' }",
    "+\nauth = { method = 'token', token = '@', token_file = '@' }",
    "+\nauth = { method = 'token', token_env = '@' }",
    "+\nauth = { method = 'token', token_file = '@' }",
    "+\nauth = { method = 'token', token_file = ['@'], token_env = 5 }",
    "+\nauth = { method = 'token', tokn = '@' }",
    "+\nauth = { method = 'token', '@' = 'token' }",
    "+\nauth = { method = 'password', password = '@', username = '@' }",
    "+\nauth = { method = 'token', token = '@",
    "+\nauth = { method = 'token', token = @ }",
    "+\nauth = { method = 'token', token = '@', token = '@' }",
    "[state]\ndirectory = 'postgresql://me:\u{1}x/d'\n+",
    "[state]\nurl = 'postgresql://me:\u{1}x'\n+",
    "[state]\nurl = 'postgresql://me:p\u{1}\u{1}x/d?sslmode=disable'\n+",
    "[state]\nurl = ['postgresql://me:\u{1}x/d']\n+",
    "[state]\nurl_file = 'postgresql://me:\u{1}x/d'\n+",
    "[state]\nurl_env = 'postgresql://me:\u{1}x/d'\n+",
    "[state]\n'postgresql://x/d?password=@' = ''\n+",
    "[state]\nurl = 'postgresql://x/d?user=a&password=@'\ndirectory = 'd'\n+",
    "+\nendpoint = ['https://me:\u{1}example.org']\nauth = { method = 'token' }",
];

const VARIABLES: [&str; 9] = [
    "PROJECTS__0__AUTH__TOKEN_FILE",
    "PROJECTS__0__AUTH__TOKEN_ENV",
    "PROJECTS__0__TOKEN",
    "PROJECTS__7__AUTH__TOKEN",
    "PROJECTS__0__AUTH__PASSWORD",
    "AUTH__TOKEN",
    "STATE__URL",
    "STATE__URL_FILE",
    "STATE__URL_ENV",
];

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = File::new(bytes).load(&[]);
    }

    #[test]
    fn no_toml_makes_reading_panic(
        lines in prop::collection::vec(("[a-z_.\\[\\]\"]{1,20}", "[a-z0-9\"'\\[\\]{}=.:, -]{0,20}"), 0..8),
    ) {
        let mut text = String::new();
        for (key, value) in lines {
            let _ = writeln!(text, "{key} = {value}");
        }
        let _ = File::new(text).load(&[]);
    }

    #[test]
    fn no_value_makes_reading_panic(
        key in 0..screen_records_exporter::config::KEYS.len(),
        value in value(),
    ) {
        let path = screen_records_exporter::config::KEYS[key].path;
        let text = match path.strip_prefix("projects.") {
            Some(path) => format!("[[projects]]\n{path} = {value}"),
            None => format!("{path} = {value}\n{PROJECT}"),
        };
        let _ = File::new(text).load(&[]);
    }

    #[test]
    fn the_effective_config_loads_as_the_same_config(text in valid()) {
        let config = File::new(&text).load(&[]).unwrap();
        let shown = config.to_toml();
        // The redacted text is refused, so that nobody signs in with it.
        let usable = shown.replace("proxy_url = \"<redacted>\"", "proxy_url = \"http://proxy\"");
        let usable = usable.replace("\nurl = \"<redacted>\"", "\nurl = \"postgresql://me@x/d\"");
        let usable = usable.replace("\"<redacted>\"", "\"a-secret-that-is-long-enough\"");
        let again = File::new(usable).load(&[]).unwrap();
        prop_assert_eq!(values(&again), values(&config));
        prop_assert_eq!(again.to_toml(), shown);
    }

    #[test]
    fn a_misplaced_secret_is_refused_without_being_shown(
        place in prop::sample::select(&MISPLACED),
        secret in secret(),
    ) {
        let project = "[[projects]]\nname = 'a'\nproject_id = '0'\nregion = 'r-1'";
        let text = place.replace('+', project).replace('@', &secret);
        let error = File::new(text.replace('\u{1}', &format!("{secret}@"))).load(&[]).unwrap_err();
        prop_assert!(!shows(&error), "{}", error);
    }

    #[test]
    fn a_misplaced_secret_in_a_variable_is_refused_without_being_shown(
        name in prop::sample::select(&VARIABLES),
        secret in secret(),
    ) {
        let name = format!("SCREEN_RECORDS_EXPORTER__{name}");
        let error = File::new(PROJECT).load(&[(&name, &secret)]).unwrap_err();
        prop_assert!(error.contains(&name), "{}", error);
        prop_assert!(!shows(&error), "{}", error);
    }

    #[test]
    fn a_secret_in_its_place_is_not_shown(
        secret in secret(),
        key in prop::sample::select(SECRETS),
        place in 0..3_usize,
        is_variable in any::<bool>(),
    ) {
        let (method, name) = key;
        // In a URL a slash would end the password.
        let secret = match name {
            "proxy_url" => format!("http://me:{}@proxy", secret.replace('/', "%2F")),
            "url" => format!("postgresql://me:{}@x/d", secret.replace('/', "%2F")),
            _ => secret,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, &secret).unwrap();
        let path = path.to_str().unwrap();
        let (ending, given) = [("", secret.as_str()), ("_file", path), ("_env", "SECRET")][place];
        let name_given = format!("{name}{ending}");
        let (mut api, mut state, mut auth) = (BTreeMap::new(), BTreeMap::new(), complete(method));
        auth.remove(name);
        let (section, entries) = match name {
            "proxy_url" => ("API", &mut api),
            "url" => ("STATE", &mut state),
            _ => ("PROJECTS__0__AUTH", &mut auth),
        };
        let variable = format!("SCREEN_RECORDS_EXPORTER__{section}__{name_given}").to_uppercase();
        if is_variable {
            entries.insert(name, "'http://beaten'".to_owned());
        } else {
            entries.insert(&name_given, format!("'{given}'"));
        }
        let file = File::new(format!(
            "[api]\n{}\n[state]\n{}\n[[projects]]\nname='a'\nproject_id='0'\nregion='r'\n\
             [projects.auth]\n{}",
            lines(&api),
            lines(&state),
            lines(&auth),
        ));
        let all = [("SECRET", secret.as_str()), (variable.as_str(), given)];
        let sources = sources(&file.path(), if is_variable { &all } else { &all[..1] });
        let config = Config::load(&sources).unwrap();
        for text in [format!("{config:?}"), config.to_toml(), format!("{sources:?}")] {
            prop_assert!(!shows(&text), "{}", text);
        }
    }

    #[test]
    fn a_secret_in_any_variable_of_the_tools_is_refused_or_kept_without_being_shown(
        secret in secret(),
        name in prop::sample::select(tools()),
        form in prop::sample::select(&["@", "two @", "@\u{e9}", "~/@", "/@"]),
        method in prop::sample::select(&["aksk", "profile"]),
    ) {
        // Neither is a secret.
        prop_assume!(!name.ends_with("_PROJECT_ID") && !name.ends_with("_CREDENTIALS_FILE"));
        let value = form.replace('@', &secret);
        let text = format!("[[projects]]\nname='a'\nregion='r'\nauth = {{ method = '{method}' }}");
        let variables = [("HUAWEICLOUD_SDK_AK", "a"), ("HUAWEICLOUD_SDK_SK", "s"), ("HOME", "/h")];
        let variables = [variables[0], variables[1], variables[2], (name, value.as_str())];
        let said = match File::new(text).load(&variables) {
            Ok(config) => format!("{config:?}{}", config.to_toml()),
            Err(error) => error,
        };
        prop_assert!(!shows(&said), "{}", said);
    }

    #[test]
    fn an_error_in_a_profile_does_not_show_its_content(
        secret in secret(),
        form in prop::sample::select(&[
            "@", "[@]", "@ = x", "[basic]\n@", "[basic]\nak = @", "[basic]\nak = @\nsk = '@'",
            "[basic]\nak = @\n sk = @", "[basic]\nak = @\nak = @", "[basic]\nak = @ @\nsk = @",
            "[basic]\nak = @\nsk = @\n@ = @\n@ = @", "[basic]\nak = @\nsk = @\nproject_id = @ @",
            "[basic]\nak = @\nsk = @\nsecurity_token = @%",
        ]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        std::fs::write(&path, form.replace('@', &secret)).unwrap();
        let auth = format!("auth = {{ method = 'profile', profile_file = {:?} }}", path.display());
        let text = format!("[[projects]]\nname='a'\nregion='r'\n{auth}");
        let error = File::new(text).load(&[]).unwrap_err();
        prop_assert!(!shows(&error), "{}", error);
    }
}

/// The text that shows a secret: the effective config, or the errors.
fn shown(loaded: Result<Config, String>) -> Option<String> {
    let said = match loaded {
        Ok(config) => format!("{config:?}{}", config.to_toml()),
        Err(error) => error,
    };
    shows(&said).then_some(said)
}

#[test]
fn a_secret_at_any_secret_key_of_auth_is_refused_or_kept_without_being_shown() {
    let project = "[[projects]]\nname='a'\nproject_id='0'\nregion='r'\n[projects.auth]\n";
    for (method, _) in METHODS {
        for key in keys_of_auth() {
            for value in ["'Zq9xQz'", "'/Zq9xQz'", "'two Zq9xQz'", "['Zq9xQz']", "{ v = 'Zq9xQz' }"]
            {
                let mut entries = complete(method);
                entries.insert(&key, value.to_owned());
                let loaded = File::new(format!("{project}{}", lines(&entries))).load(&[]);
                assert_eq!(shown(loaded), None, "{method} {key} {value}");
            }
        }
    }
}

#[test]
fn a_secret_in_any_variable_of_a_secret_of_auth_is_refused_or_kept_without_being_shown() {
    let name =
        |key: &str| format!("SCREEN_RECORDS_EXPORTER__PROJECTS__0__AUTH__{key}").to_uppercase();
    let project = PROJECT.replace("method = \"token\", token_env = \"HUAWEICLOUD_TOKEN\"", "");
    for (method, _) in METHODS {
        for key in keys_of_auth() {
            for value in ["Zq9xQz", "/Zq9xQz", "two Zq9xQz", "Zq9xQz\n"] {
                let entries: Vec<_> = complete(method).into_keys().map(name).collect();
                let mut variables: Vec<_> =
                    entries.iter().map(|name| (name.as_str(), "a")).collect();
                let (method_key, secret_key) = (name("method"), name(&key));
                variables.extend([(method_key.as_str(), method), (secret_key.as_str(), value)]);
                let loaded = File::new(&project).load(&variables);
                assert_eq!(shown(loaded), None, "{method} {key} {value}");
            }
        }
    }
}

/// The methods, each with the keys that it needs.
const METHODS: [(&str, &[&str]); 5] = [
    ("token", &["token"]),
    ("password", &["domain", "username", "password"]),
    ("aksk", &["access_key", "secret_key"]),
    ("ecs-agency", &[]),
    ("profile", &["profile_file"]),
];

/// Each secret with a method that it goes with.
const SECRETS: &[(&str, &str)] = &[
    ("token", "token"),
    ("password", "password"),
    ("aksk", "access_key"),
    ("aksk", "secret_key"),
    ("aksk", "security_token"),
    ("ecs-agency", "proxy_url"),
    ("ecs-agency", "url"),
];

/// A section of the method, with a value for each key that it needs.
fn complete(method: &str) -> BTreeMap<&str, String> {
    let (_, keys) = METHODS.iter().find(|(name, _)| *name == method).unwrap();
    let keys = keys.iter().map(|key| (*key, "'a'".to_owned()));
    keys.chain([("method", format!("'{method}'"))]).collect()
}

fn lines(entries: &BTreeMap<&str, String>) -> String {
    let lines: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    lines.join("\n")
}

/// Every key of a secret in `auth`.
fn keys_of_auth() -> Vec<String> {
    let secrets = KEYS.iter().filter(|key| key.is_secret());
    let names = secrets.filter_map(|key| key.path.strip_prefix("projects.auth."));
    names.flat_map(|name| ["", "_file", "_env"].map(|end| format!("{name}{end}"))).collect()
}

/// Every variable of the cloud's own tools that is read.
fn tools() -> Vec<&'static str> {
    KEYS.iter().filter_map(|key| key.variable).collect()
}

/// Any value in TOML.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| toml::Value::from(number).to_string()),
        any::<bool>().prop_map(|yes| yes.to_string()),
        any::<String>().prop_map(|text| toml::Value::from(text).to_string()),
        "[0-9]{1,25}(ns|s|m|d|y|KiB|GiB)".prop_map(|text| format!("'{text}'")),
        "https?://[a-z0-9.:@/\\[\\]]{0,20}".prop_map(|text| format!("'{text}'")),
        Just("2026-11-01".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|l| format!("[{}]", l.join(", "))),
            inner.prop_map(|value| format!("{{ x = {value} }}")),
        ]
    })
}

/// A valid config.
fn valid() -> impl Strategy<Value = String> {
    let web = (1..65_535_u16, "(/[a-z]{5,8}){1,3}", 1..=10_000_u32).prop_map(|(port, path, most)| {
        format!(
            "[web]\nlisten_addresses = [':{port}', '127.0.0.1:{port}']\ntelemetry_path = '{path}'\n\
             max_concurrent_requests = {most}\n"
        )
    });
    let log = prop::sample::select(&["error", "warn", "info", "debug", "trace"])
        .prop_map(|level| format!("[log]\nlevel = '{level}'\nformat = 'json'\n"));
    let poll = (0..3_600_000_u32, 60..15_552_000_u32, 1..604_800_u32).prop_map(|(ms, s, age)| {
        format!("[poll]\nmin_interval = '{ms}ms'\nwindow = '{s}s'\nmax_staleness = '{age}s'\n")
    });
    // These follow the section [poll].
    let counting = (60..=2_592_000_u32, 0..=3_600_000_u32).prop_map(|(interval, hold)| {
        format!("reconcile_interval = '{interval}s'\ncounter_hold = '{hold}ms'\n")
    });
    let poll = (poll, counting).prop_map(|(a, b)| [a, b].concat());
    let api =
        (1..=1000_u32, 0.001..1000.0_f64, 1024..=1_u64 << 30).prop_map(|(page, rate, size)| {
            format!(
                "[api]\npage_size = {page}\nmax_requests_per_second = {rate}\n\
             max_response_bytes = '{size}B'\nproxy_url = 'http://me:{page}@proxy:{page}'\n"
            )
        });
    let directories = prop::sample::select(&["", "data", "../\u{e9}", "/var/lib/a b"]);
    let state = prop_oneof![
        directories.prop_map(|directory| format!("directory = '{directory}'\n")),
        (2..=300_u32, any::<bool>()).prop_map(|(lease, is_insecure)| format!(
            "url = 'postgresql://me:{lease}@x/d'\nlease = '{lease}s'\ninsecure_tls = {is_insecure}\n"
        )),
    ];
    let kept = (state, 1..=100_000_u32, 1..=100_000_u32).prop_map(|(state, users, pools)| {
        format!("[state]\n{state}[labels]\nmax_users = {users}\nmax_pools = {pools}\n")
    });
    let projects = prop::collection::vec(project(), 1..4).prop_map(|projects| {
        let numbered = projects.iter().enumerate();
        numbered.map(|(i, text)| text.replace('#', &i.to_string())).collect::<String>()
    });
    (web, log, poll, api, kept, projects).prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].concat())
}

fn project() -> impl Strategy<Value = String> {
    let endpoint = prop_oneof![
        Just(String::new()),
        "[a-z]{1,9}(:[1-9][0-9]{3})?/?".prop_map(|place| format!("endpoint = 'https://{place}'\n")),
        Just("endpoint = 'http://[::1]:8080'\n".to_owned()),
        Just("endpoint = 'http://records.example.org'\ninsecure_http = true\n".to_owned()),
    ];
    let filter = prop_oneof![
        Just(String::new()),
        ("[^\\pC,\\s'#]{1,20}", "(FULL|SESSION)").prop_map(|(name, kind)| {
            format!("filter = {{ desktop_names = ['{name}', 'b'], username = '{name}', type = '{kind}' }}\n")
        }),
    ];
    let names = ("[^\\pC\\s/\\\\.'#]{1,30}", "[A-Za-z0-9_-]{1,64}");
    (names, endpoint, auth(), filter).prop_map(|((name, id), endpoint, auth, filter)| {
        format!(
            "[[projects]]\nname = '#{name}'\nproject_id = '{id}'\nregion = 'a-1'\n{endpoint}\
             auth = {{ {auth} }}\n{filter}"
        )
    })
}

/// A way to sign in.
fn auth() -> impl Strategy<Value = String> {
    let profile = root().join("tests/fixtures/config/profile");
    let profile = format!("method = 'profile', profile_file = '{}'", profile.display());
    prop_oneof![
        Just("method = 'token', token = 'x'".to_owned()),
        ("[^\\pC\\s'#]{1,9}( [^\\pC\\s'#]{1,9})?", "[^\\pC\\p{Zl}\\p{Zp}'#]{1,20}").prop_map(
            |(name, password)| {
                format!(
                    "method = 'password', domain = '{name}', username = '{name}', \
                 password = '{password}', iam_endpoint = 'http://[::1]:8080'"
                )
            }
        ),
        "[!-&(-~]{1,20}".prop_filter("marks a number", |key| !key.contains('#')).prop_map(|key| {
            format!(
                "method = 'aksk', access_key = '{key}', secret_key = 'x', security_token = '{key}'"
            )
        }),
        Just("method = 'ecs-agency'".to_owned()),
        Just(profile),
    ]
}
