//! The settings in a web config. The keys of TLS are in `tls_settings`.
//!
//! Only the YAML is read here: `tls` reads the files that it names.

use std::collections::BTreeMap;
use std::path::Path;

use axum::http::{HeaderName, HeaderValue};

use super::keys::KEYS;
use super::rate::Rate;
use super::tls_settings::{Content, TlsSettings};
use super::users::Users;
use crate::config::{ConfigError, Node, Place, Read, Reader, Schema, Typed};

/// Everything in the file.
pub(super) struct Settings {
    /// `None` serves plain HTTP.
    pub(super) tls: Option<TlsSettings>,
    /// Set on every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Without it, requests are not limited.
    pub(super) rate: Option<Rate>,
    /// `None` admits everybody.
    pub(super) users: Option<Users>,
}

impl Settings {
    /// Reads the document at `place`. Paths in it are relative to `folder`.
    ///
    /// # Errors
    ///
    /// All errors in the document.
    pub(super) fn read(root: &Node, place: &Place, folder: &Path) -> Result<Self, ConfigError> {
        let environment = BTreeMap::new();
        let mut reader = Reader::new(Schema(KEYS), &environment);
        reader.add_file(place, root);
        // The toolkit's default is true. HTTP/1.1 is served either way.
        reader.read("http_server_config.http2");
        let settings = Self {
            tls: TlsSettings::read(&mut reader, folder),
            headers: headers(&mut reader),
            rate: rate(&mut reader),
            users: Users::read(&mut reader),
        };
        reader.finish()?;
        Ok(settings)
    }

    /// The files that the YAML names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let tls = self.tls.iter();
        let sources = tls.flat_map(|tls| {
            [Some(&tls.certificate), Some(&tls.key), tls.client_authorities.as_ref()]
        });
        sources.flatten().filter_map(|pem| match &pem.content {
            Content::File(path) => Some(path.as_path()),
            Content::Inline(_) => None,
        })
    }
}

fn headers(reader: &mut Reader<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for key in KEYS {
        let Some(name) = key.path.strip_prefix("http_server_config.headers.") else { continue };
        let Read::Accepted(Typed::Text(text)) = reader.read(key.path) else { continue };
        if !text.is_empty() {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(&text);
            headers.push((
                name.expect("the table has names of headers"),
                value.expect("the table accepts only what a header can carry"),
            ));
        }
    }
    headers
}

fn rate(reader: &mut Reader<'_>) -> Option<Rate> {
    if !reader.has_section("rate_limit") {
        return None;
    }
    let interval = match reader.read("rate_limit.interval") {
        Read::Accepted(Typed::Duration(interval)) => Some(interval),
        Read::Absent => {
            reader.miss("rate_limit.interval");
            None
        }
        _ => None,
    };
    let burst = match reader.read("rate_limit.burst") {
        Read::Accepted(Typed::Integer(burst)) => u32::try_from(burst).ok(),
        Read::Absent if interval.is_some_and(|interval| !interval.is_zero()) => {
            reader.miss("rate_limit.burst");
            None
        }
        _ => None,
    };
    let interval = interval.filter(|interval| !interval.is_zero())?;
    Some(Rate { interval, burst: burst? })
}
