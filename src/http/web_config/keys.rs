//! The table of keys of `web-config.yml`, the format of the exporter-toolkit.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::HeaderValue;

use super::client_auth::{AllowedSan, ClientAuth};
use super::tls_names;
use crate::config::{Key, Kind, Text, any_of};

const MAX_BURST: u64 = 1_000_000;

const SUITE: Text = Text {
    accepts: || Cow::from(any_of(&tls_names::suite_names())),
    check: |text| tls_names::suite(text).is_some(),
};
const CURVE: Text = Text {
    accepts: || Cow::from(any_of(&tls_names::curve_names())),
    check: |text| tls_names::curve(text).is_some(),
};
const CLIENT_AUTH: Text = Text {
    accepts: || Cow::from(any_of(&ClientAuth::NAMES.map(|(name, _)| name))),
    check: |text| ClientAuth::parse(text).is_some(),
};
const SAN: Text = Text {
    accepts: || Cow::from("a DNS name, an IP address or a URI; mail addresses are not compared"),
    check: |text| AllowedSan::parse(text).is_some(),
};
/// TLS 1.2 and 1.3 only.
const VERSION: Kind = Kind::Choice(tls_names::Version::NAMES);
const PEM_FILE: Kind = Kind::File("a file in PEM form");

const HEADER: Text = Text {
    accepts: || Cow::from("one line of printable characters"),
    check: |text| HeaderValue::from_str(text).is_ok(),
};
const NOSNIFF: Text = Text { accepts: || Cow::from("nosniff"), check: |text| text == "nosniff" };
const FRAME_OPTIONS: Text = Text {
    accepts: || Cow::from("deny or sameorigin"),
    check: |text| ["deny", "sameorigin"].contains(&text),
};

const fn list(element: Text) -> Kind {
    Kind::List { element, min: 1, max: usize::MAX }
}

pub(super) const KEYS: &[Key] = &[
    Key::new("tls_server_config.cert_file", PEM_FILE),
    Key::new("tls_server_config.key_file", PEM_FILE),
    Key::new("tls_server_config.cert", Kind::Pem),
    Key::new("tls_server_config.key", Kind::Pem),
    Key::new("tls_server_config.client_auth_type", Kind::Text(CLIENT_AUTH)),
    Key::new("tls_server_config.client_ca_file", PEM_FILE),
    Key::new("tls_server_config.client_ca", Kind::Pem),
    Key::new("tls_server_config.client_allowed_sans", list(SAN)),
    Key::new("tls_server_config.min_version", VERSION),
    Key::new("tls_server_config.max_version", VERSION),
    Key::new("tls_server_config.cipher_suites", list(SUITE)),
    Key::new("tls_server_config.prefer_server_cipher_suites", Kind::YamlFlag),
    Key::new("tls_server_config.curve_preferences", list(CURVE)),
    Key::new("http_server_config.http2", Kind::YamlFlag),
    Key::new("http_server_config.headers.Strict-Transport-Security", Kind::Header(HEADER)),
    Key::new("http_server_config.headers.X-Content-Type-Options", Kind::Header(NOSNIFF)),
    Key::new("http_server_config.headers.X-Frame-Options", Kind::Header(FRAME_OPTIONS)),
    Key::new("http_server_config.headers.X-XSS-Protection", Kind::Header(HEADER)),
    Key::new("http_server_config.headers.Content-Security-Policy", Kind::Header(HEADER)),
    Key::new("rate_limit.interval", Kind::DurationOrZero { max: Duration::from_secs(3600) }),
    Key::new("rate_limit.burst", Kind::Integer { min: 1, max: MAX_BURST }),
    // One may have been put in place of the other: neither names nor hashes are shown.
    Key::new("basic_auth_users", Kind::Table("a table of names of users, each with a bcrypt hash"))
        .hidden(),
];
