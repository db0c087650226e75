//! The keys of the file: those of the exporter-toolkit's `web-config.yml`, and what each accepts.
//!
//! Reads the YAML alone: the files that it names are read by `tls`. The keys of TLS are in
//! `tls_settings`.

use std::path::Path;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};

use super::document::Node;
use super::problem::Problem;
use super::rate::Rate;
use super::reading::{Reading, Section, any_of};
use super::tls_settings::{Content, TlsSettings};
use super::users::Users;

/// All that the file says.
pub(super) struct Settings {
    /// `None` serves plain HTTP.
    pub(super) tls: Option<TlsSettings>,
    /// Set on every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// `None` limits nothing.
    pub(super) rate: Option<Rate>,
    /// `None` asks nobody who they are.
    pub(super) users: Option<Users>,
}

const SECTIONS: [&str; 4] =
    ["tls_server_config", "http_server_config", "rate_limit", "basic_auth_users"];
/// The headers, and the only values of those that have few.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];
const MOST_BURST: u32 = 1_000_000;

impl Settings {
    /// Reads the document; paths in it are relative to `folder`.
    pub(super) fn read(node: &Node, folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut reading = Reading::default();
        let mut settings = Self { tls: None, headers: Vec::new(), rate: None, users: None };
        if let Some(document) = reading.document(node, &SECTIONS) {
            settings.tls = TlsSettings::read(&mut reading, &document, folder);
            let section = reading.section(&document, "http_server_config", &["http2", "headers"]);
            if let Some(section) = section {
                // The toolkit's default is true: HTTP/1.1 is spoken either way.
                reading.flag(&section, "http2");
                settings.headers = headers(&mut reading, &section);
            }
            let section = reading.section(&document, "rate_limit", &["interval", "burst"]);
            settings.rate = section.and_then(|section| rate(&mut reading, &section));
            let section = reading.section(&document, "basic_auth_users", &[]);
            settings.users = section.and_then(|section| Users::read(&mut reading, &section));
        }
        if reading.problems.is_empty() { Ok(settings) } else { Err(reading.problems) }
    }

    /// The files that the YAML names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let tls = self.tls.iter();
        let places = tls.flat_map(|tls| {
            [Some(&tls.certificate), Some(&tls.key), tls.client_authorities.as_ref()]
        });
        places.flatten().filter_map(|place| match &place.content {
            Content::File(path) => Some(path.as_path()),
            Content::Inline(_) => None,
        })
    }
}

fn headers(reading: &mut Reading, section: &Section<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let names = HEADERS.map(|(name, _)| name);
    let Some(section) = reading.section(section, "http_server_config.headers", &names) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (name, values) in HEADERS {
        let Some(found) = section.find(name) else { continue };
        let accepted = match values {
            [] => "a text: one line of printable characters".to_owned(),
            _ => any_of(values),
        };
        // `X-XSS-Protection: 1` is a number in YAML.
        let text = found.text_or_number();
        if text.as_deref() == Some("") {
            continue;
        }
        let text = text.filter(|text| values.is_empty() || values.contains(&text.as_str()));
        match text.and_then(|text| HeaderValue::from_str(&text).ok()) {
            Some(value) => {
                let name = HeaderName::from_bytes(name.as_bytes());
                headers.push((name.expect("the table holds names of headers"), value));
            }
            None => reading.note(found.refuse(&accepted)),
        }
    }
    headers
}

fn rate(reading: &mut Reading, section: &Section<'_>) -> Option<Rate> {
    let accepted = "a duration such as \"1s\" or \"100ms\", up to 1h, or 0 to limit nothing";
    let Some(found) = section.find("interval") else {
        let text = format!("is missing; it accepts {accepted}");
        reading.note(Problem::of_key(section.line, &section.key("interval"), text));
        return None;
    };
    let interval = match (found.text(), found.number()) {
        (Some(text), _) => humantime::parse_duration(text).ok(),
        (None, Some(0)) => Some(Duration::ZERO),
        _ => None,
    };
    let Some(interval) = interval.filter(|interval| *interval <= Duration::from_secs(3600)) else {
        reading.note(found.refuse(accepted));
        return None;
    };
    let accepted = format!("a whole number from 1 to {MOST_BURST}");
    let Some(found) = section.find("burst") else {
        if !interval.is_zero() {
            let text = format!("is missing; it accepts {accepted}");
            reading.note(Problem::of_key(section.line, &section.key("burst"), text));
        }
        return None;
    };
    let burst = found.number().and_then(|number| u32::try_from(number).ok());
    let Some(burst) = burst.filter(|burst| (1..=MOST_BURST).contains(burst)) else {
        reading.note(found.refuse(&accepted));
        return None;
    };
    (!interval.is_zero()).then_some(Rate { interval, burst })
}
