//! The parameter `refresh` of `/`, and the header that makes a browser load a page again.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};

use super::parameters::{self, ParameterError};

/// Header that browsers support, although no standard registers it.
const REFRESH: HeaderName = HeaderName::from_static("refresh");
const DEFAULT: Duration = Duration::from_secs(30);
const MIN: Duration = Duration::from_secs(5);
const MAX: Duration = Duration::from_secs(3600);

/// Interval after which a browser loads the page again; `None` turns it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refresh(pub(super) Option<Duration>);

impl Refresh {
    /// Parses the query of the page.
    pub(super) fn parse(text: &str) -> Result<Self, ParameterError> {
        let Some((name, value)) = parameters::parse(text, &["refresh"])?.pop() else {
            return Ok(Self(Some(DEFAULT)));
        };
        if value == "off" {
            return Ok(Self(None));
        }
        let interval = humantime::parse_duration(&value).ok();
        let interval = interval.filter(|interval| (MIN..=MAX).contains(interval));
        let error = || ParameterError::Value {
            name,
            value,
            accepted: "accepted are off and a duration from 5s to 1h, such as 30s".to_owned(),
        };
        interval.map(|interval| Self(Some(interval))).ok_or_else(error)
    }

    /// Returns the header.
    pub(super) fn header(self) -> Option<(HeaderName, HeaderValue)> {
        self.0.map(|interval| (REFRESH, HeaderValue::from(interval.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_duration_or_off() {
        for (text, seconds) in [
            ("", Some(30)),
            ("refresh=", Some(30)),
            ("refresh=off", None),
            ("refresh=5s", Some(5)),
            ("refresh=2m", Some(120)),
            ("refresh=1h", Some(3600)),
        ] {
            let refresh = Refresh::parse(text).unwrap();
            assert_eq!(refresh.0.map(|interval| interval.as_secs()), seconds, "{text}");
            let header = refresh.header().map(|(_, value)| value.to_str().unwrap().to_owned());
            assert_eq!(header, seconds.map(|seconds| seconds.to_string()));
        }
        for text in ["refresh=4s", "refresh=61m", "refresh=10", "refresh=on", "refresh=0"] {
            let error = Refresh::parse(text).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(error.to_string().contains("off and a duration from 5s to 1h"), "{error}");
        }
        let error = Refresh::parse("project=p").unwrap_err();
        assert!(error.to_string().contains("accepted are refresh"), "{error}");
    }
}
