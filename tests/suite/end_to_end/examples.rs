//! The files under `examples`, those of `scaling` first of all, as a test runs them: with addresses of this machine, and quick.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::TOKEN;

pub(super) const EXPORTER: &str = "screen-records-exporter.example.org:10047";

pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/scaling").join(name)
}

pub(super) fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// A file as data.
pub(super) fn parsed(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap()
}

/// A file with these texts in place of those that it has.
pub(super) fn replaced(name: &str, texts: &[(&str, &str)]) -> String {
    exchanged(name, text(name), texts)
}

/// The same for a text that was read.
pub(super) fn exchanged(name: &str, mut text: String, texts: &[(&str, &str)]) -> String {
    for (from, to) in texts {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    text
}

/// The same for a config that scrapes, once in five seconds.
pub(super) fn quick(name: &str, texts: &[(&str, &str)]) -> String {
    let interval = [("scrape_interval: 60s", "scrape_interval: 5s")];
    let timeout = [("scrape_timeout: 30s", "scrape_timeout: 5s")];
    replaced(name, &[&interval, &timeout, texts].concat())
}

/// A config of an exporter with these projects, all at one API.
pub(super) fn projects(api: &str, names: &[&str]) -> String {
    let mut text = "[poll]\nmin_interval = \"100ms\"\n".to_owned();
    for name in names {
        let _ = writeln!(
            text,
            "[[projects]]\nname = \"{name}\"\nproject_id = \"0\"\nendpoint = \"{api}\"\n\
             auth = {{ method = \"token\", token = \"{TOKEN}\" }}"
        );
    }
    text
}

/// What a URL has behind its scheme.
pub(super) fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}
