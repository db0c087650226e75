//! Query parameters of `/desktops` and `/api/v1/desktops`.

use std::time::Duration;

use url::form_urlencoded;

use super::row::Row;
use crate::field_text::is_selected;
use crate::http::lists::{Format, MAX_ROWS, append_paging};
use crate::http::parameters::{self, ParameterError};

/// Matches desktops without a pool.
const NONE: &str = "_none";

/// Names of the parameters.
const PARAMETERS: [&str; 6] = ["project", "pool", "silent_for", "limit", "offset", "format"];

/// Time without a new record, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct SilentFor {
    pub(in crate::http) text: String,
    duration: Duration,
}

/// Filter and limits for desktops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct Query {
    pub(in crate::http) project: Option<String>,
    /// Id or name of a pool.
    pub(in crate::http) pool: Option<String>,
    pub(in crate::http) silent_for: Option<SilentFor>,
    pub(in crate::http) limit: usize,
    pub(in crate::http) offset: usize,
    pub(in crate::http) format: Format,
}

impl Query {
    /// Parses a query string; `format` is the default format.
    pub(in crate::http) fn parse(
        text: &str,
        format: Format,
        projects: &[&str],
    ) -> Result<Self, ParameterError> {
        let mut query = Self { format, ..Self::default() };
        let mut limit = None;
        for (name, value) in parameters::parse(text, &PARAMETERS)? {
            match name {
                "project" => query.project = Some(value),
                "pool" => query.pool = Some(value),
                "silent_for" => query.silent_for = Some(silent_for(value)?),
                "limit" => limit = Some(parameters::whole_number(name, value, 1..=MAX_ROWS)?),
                "offset" => query.offset = parameters::whole_number(name, value, 0..=usize::MAX)?,
                _ => query.format = Format::parse(value)?,
            }
        }
        parameters::require_known_project(query.project.as_deref(), projects)?;
        query.limit = limit.unwrap_or_else(|| query.format.default_rows());
        Ok(query)
    }

    /// Returns a query string with the same filter and limit, from another row on.
    pub(in crate::http) fn at_offset(&self, offset: usize, format: Format) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let silent_for = self.silent_for.as_ref().map(|silent| &silent.text);
        for (name, value) in
            [("project", &self.project), ("pool", &self.pool), ("silent_for", &silent_for.cloned())]
        {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let limit = (format == self.format).then_some(self.limit);
        append_paging(&mut query, limit, offset, format);
        query.finish()
    }

    /// Returns true if a desktop is in the requested pool. The filter may have the truncated form of an
    /// id, because links from alerts contain label values.
    pub(super) fn matches_pool(&self, row: &Row<'_>) -> bool {
        let Some(filter) = self.pool.as_deref() else { return true };
        let pool = row.desktop.pool.as_deref().unwrap_or(NONE);
        is_selected(filter, pool)
            || row.pool_name.is_some_and(|name| is_selected(filter, name))
            || is_selected(filter, &row.value_limit.shown(pool))
    }

    /// Returns true if a desktop was silent for the requested time.
    pub(super) fn matches_silence(&self, row: &Row<'_>) -> bool {
        self.silent_for.as_ref().is_none_or(|silent| row.silence() >= silent.duration)
    }
}

fn silent_for(value: String) -> Result<SilentFor, ParameterError> {
    // humantime accepts a 0 without a unit.
    let has_unit = value.trim().ends_with(|c: char| c.is_ascii_alphabetic());
    match humantime::parse_duration(value.trim()) {
        Ok(duration) if has_unit => Ok(SilentFor { text: value, duration }),
        _ => Err(ParameterError::Value {
            name: "silent_for",
            value,
            accepted: "accepted is a duration, such as 24h, 7d or 90m".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parameters_count_as_absent() {
        let text = "project=a+b&pool=&silent_for=1d+12h&limit=7&offset=14&format=csv";
        let query = Query::parse(text, Format::Json, &["a b"]).unwrap();
        assert_eq!((query.project.as_deref(), query.pool.as_deref()), (Some("a b"), None));
        let silent_for = query.silent_for.as_ref().unwrap();
        assert_eq!(silent_for.duration, Duration::from_secs(36 * 3600));
        assert_eq!((query.limit, query.offset, query.format), (7, 14, Format::Csv));
        let default = |format| Query::parse("", format, &[]).unwrap().limit;
        assert_eq!((default(Format::Html), default(Format::Json)), (100, 10_000));
        assert_eq!(Query::parse("format=csv", Format::Html, &[]).unwrap().limit, 10_000);
    }

    #[test]
    fn a_query_is_written_as_it_is_read() {
        let text = "project=a+b&pool=%3Cp%26q%3E&silent_for=1d+12h&limit=7&offset=14&format=csv";
        let query = Query::parse(text, Format::Json, &["a b"]).unwrap();
        assert_eq!(query.at_offset(14, Format::Csv), text);
        let filter = "project=a+b&pool=%3Cp%26q%3E&silent_for=1d+12h";
        assert_eq!(query.at_offset(0, Format::Json), filter, "each format has its own limit");
    }

    #[test]
    fn errors_name_the_accepted_values() {
        let accepted = "accepted are project, pool, silent_for, limit, offset and format";
        for (text, code, says) in [
            ("pools=x", 400, accepted),
            ("%", 400, accepted),
            ("silent_for=24", 400, "such as 24h"),
            ("silent_for=0", 400, "such as 24h"),
            ("silent_for=-1h", 400, "such as 24h"),
            ("silent_for=long", 400, "such as 24h"),
            ("limit=0", 400, "from 1 to 10000"),
            ("limit=10001", 400, "from 1 to 10000"),
            ("offset=-1", 400, "a whole number, 0 or more"),
            ("offset=99999999999999999999", 400, "a whole number, 0 or more"),
            ("format=xml", 400, "json and csv"),
            ("pool=a&pool=", 400, "pool is given twice"),
            ("project=x", 404, "known are p, q"),
        ] {
            let error = Query::parse(text, Format::Json, &["p", "q"]).unwrap_err();
            assert_eq!(error.status(), code, "{text}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
