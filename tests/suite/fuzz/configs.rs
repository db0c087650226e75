//! Target `configs`: whatever a file says, it is a config or a list of problems, and no problem
//! shows the value of a secret key.

use std::path::Path;

use screen_records_exporter::config::{Config, KEYS, Sources};

use super::engine::{Target, run};
use super::faults::assert_fit_for_a_log;

/// Stands in the secrets of the fixtures.
const SECRET: &str = "hush";

const TOKENS: &[&str] = &[
    "=",
    ".",
    ",",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "#",
    "'",
    "[[projects]]\n",
    "[projects.auth]\n",
    "[poll]\n",
    "[web]\n",
    "[api]\n",
    "[log]\n",
    "true",
    "0",
    "-1",
    "64",
    "1e3",
    "nan",
    "99999999999999999999",
    "2026-11-01",
    "\"\"",
    "\"30s\"",
    "\"15d\"",
    "\"1y\"",
    "\"0\"",
    "\"32MiB\"",
    "\"18446744073709551615B\"",
    "\"/metrics\"",
    "\"/-/x\"",
    "\":1\"",
    "\"[::1]:1\"",
    "\"http://[::1]:8080/\"",
    "\"https://u:p@h\"",
    "\"https://h/?q\"",
    "\"token\"",
    "\"aksk\"",
    "\"info\"",
    "\"a\\nb\\u202e\"",
    "\"hush\"",
    "\"two hush\"",
    "[\"hush\"]",
    "{ a = \"hush\" }",
    "token = \"hush\"\n",
    "password = \"hush\"\n",
    "proxy_url = \"http://u:hush@h\"\n",
    "secret_key = \"hush\"\n",
    "\"password\"",
    "\"ecs-agency\"",
    "\"profile\"",
    "profile_file",
    "iam_endpoint",
    "username",
    "ca_file",
    "token",
    "token_file",
    "token_env",
    "auth",
    "method",
    "filter",
    "region",
    "endpoint",
    "name",
    "project_id",
    "window",
    "min_interval",
    "page_size",
    "listen_addresses",
    "\"$__toml_private_datetime\"",
    "\"a.b\"",
];

fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = std::fs::read_dir(root.join("tests/fixtures/config")).unwrap();
    let mut paths: Vec<_> = fixtures
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.push(root.join("config.toml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Whether the secret stands in the file as the value of secret keys, and nowhere else.
fn is_secret_in_its_place(text: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    let mut places = Places::default();
    places.look(&toml::Value::Table(table), "", false);
    places.right > 0 && places.wrong == 0
}

#[derive(Default)]
struct Places {
    right: usize,
    wrong: usize,
}

impl Places {
    fn note(&mut self, text: &str, is_secret: bool) {
        if text.to_lowercase().contains(&SECRET.to_lowercase()) {
            if is_secret { self.right += 1 } else { self.wrong += 1 }
        }
    }

    /// What stands below a secret key is its value too.
    fn look(&mut self, value: &toml::Value, path: &str, is_secret: bool) {
        match value {
            toml::Value::String(text) => self.note(text, is_secret),
            toml::Value::Array(list) => {
                for value in list {
                    self.look(value, path, is_secret);
                }
            }
            toml::Value::Table(table) => {
                for (name, value) in table {
                    self.note(name, is_secret);
                    let path = format!("{path}.{name}").trim_start_matches('.').to_owned();
                    let mut keys = KEYS.iter().filter(|key| key.is_secret());
                    self.look(value, &path, is_secret || keys.any(|key| key.path == path));
                }
            }
            _ => {}
        }
    }
}

fn sources(file: &Path) -> Sources {
    Sources {
        file: Some(file.to_owned()),
        environment: [("HUAWEICLOUD_TOKEN".to_owned(), "t0ken".to_owned())].into(),
        needs_projects: true,
        ..Sources::default()
    }
}

fn property(content: &[u8], path: &Path) {
    std::fs::write(path, content).unwrap();
    let is_secret = std::str::from_utf8(content).is_ok_and(is_secret_in_its_place);
    let leaks = |text: &str| is_secret && text.to_lowercase().contains(&SECRET.to_lowercase());
    match Config::load(&sources(path)) {
        Ok(config) => {
            let shown = config.to_toml();
            assert!(!leaks(&format!("{config:?}")) && !leaks(&shown), "{shown}");
            // The placeholder itself is refused, and a database or a proxy has a URL.
            let database = "\nurl = \"postgresql://u:a@localhost/d?sslmode=disable\"";
            let shown = shown.replace("\nurl = \"<redacted>\"", database);
            let shown = shown.replace("url = \"<redacted>\"", "url = \"http://p\"");
            let shown = shown.replace("\"<redacted>\"", "\"a-secret-that-is-long-enough\"");
            std::fs::write(path, &shown).unwrap();
            let again = Config::load(&sources(path)).unwrap();
            assert_eq!(format!("{again:?}"), format!("{config:?}"));
        }
        Err(error) => {
            assert!(!error.0.is_empty());
            for problem in error.0 {
                let text = problem.to_string().replace(path.to_str().unwrap(), "FILE");
                assert!(!leaks(&text), "{text}");
                // A path and an address are shown in full, escaped: they are to be found again.
                assert_fit_for_a_log(&text, 500 + 8 * content.len());
            }
        }
    }
}

#[test]
fn configs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    run(&Target { seeds: seeds(), tokens: TOKENS }, |content| property(content, &path));
}
