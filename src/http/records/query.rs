//! Query parameters of `/records` and `/api/v1/records`.

use crate::http::parameters::{self, ParameterError, require_known_project};
use crate::listing::{Selection, parse_moment, parse_status, parse_type};
use records_api::record::{TimeRange, Timestamp};

/// Length of a list without bounds.
const DEFAULT_MILLIS: i64 = 24 * 3_600_000;

const NAMES: [&str; 12] = [
    "project", "from", "to", "user", "desktop", "pool", "status", "type", "bucket", "policy",
    "raw", "format",
];

/// A list of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Query {
    /// Name of the project; `None` for all.
    pub(in crate::http) project: Option<String>,
    /// Start times of the records.
    pub(in crate::http) range: TimeRange,
    /// User as shown: a name or a hash. Not in `selection`, because the API knows names only.
    pub(in crate::http) user: Option<String>,
    /// Desktop, which is only an id where names are hidden. Not in `selection` either.
    pub(in crate::http) desktop: Option<String>,
    pub(in crate::http) selection: Selection,
    /// True if texts that look like formulas are not prefixed.
    pub(in crate::http) is_raw: bool,
    pub(in crate::http) format: Format,
}

/// Format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Format {
    Json,
    Csv,
}

/// Error in a query.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum QueryError {
    /// Error in a parameter.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The range is empty.
    #[error("from ({}) is not before to ({})", .0.to_rfc3339(), .1.to_rfc3339())]
    Empty(Timestamp, Timestamp),
}

impl QueryError {
    pub(in crate::http) fn status(&self) -> http::StatusCode {
        match self {
            Self::Parameter(error) => error.status(),
            Self::Empty(..) => http::StatusCode::BAD_REQUEST,
        }
    }
}

impl Query {
    /// The list without conditions: the last 24 hours of all projects.
    pub(in crate::http) fn default_at(now: Timestamp) -> Self {
        Self {
            project: None,
            range: TimeRange::new(now.plus_millis(-DEFAULT_MILLIS), now),
            user: None,
            desktop: None,
            selection: Selection::default(),
            is_raw: false,
            format: Format::Json,
        }
    }

    /// Parses a query string, like [`parameters::parse`].
    pub(in crate::http) fn parse(
        text: &str,
        projects: &[&str],
        now: Timestamp,
    ) -> Result<Self, QueryError> {
        let mut query = Self::default_at(now);
        let (mut from, mut to) = (None, None);
        for (name, text) in parameters::parse(text, &NAMES)? {
            let value = text.clone();
            let invalid = |accepted| ParameterError::Value { name, value, accepted };
            let selection = &mut query.selection;
            match name {
                "project" => query.project = Some(text),
                "from" => from = Some(parse_moment(&text).map_err(invalid)?),
                "to" => to = Some(parse_moment(&text).map_err(invalid)?),
                "user" => query.user = Some(text),
                "desktop" => query.desktop = Some(text),
                "pool" => selection.pool = Some(text),
                "status" => selection.status = Some(parse_status(&text).map_err(invalid)?),
                "type" => selection.record_type = Some(parse_type(&text).map_err(invalid)?),
                "bucket" => selection.bucket = Some(text),
                "policy" => selection.policy = Some(text),
                "raw" => query.is_raw = flag(&text).map_err(invalid)?,
                _ => query.format = format(&text).map_err(invalid)?,
            }
        }
        let to = to.unwrap_or(now);
        let from = from.unwrap_or(to.plus_millis(-DEFAULT_MILLIS));
        if from >= to {
            return Err(QueryError::Empty(from, to));
        }
        query.range = TimeRange::new(from, to);
        require_known_project(query.project.as_deref(), projects)?;
        Ok(query)
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("accepted are 0 and 1".to_owned()),
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        _ => Err("accepted are json and csv".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records_api::record::{RecordType, Status};

    const NOW: Timestamp = Timestamp::from_millis(1_795_176_000_000);

    #[test]
    fn every_parameter_is_read_and_empty_ones_count_as_absent() {
        let text = "project=a+b&from=2026-11-01&to=2026-11-02T08%3A00%3A00%2B08%3A00&user=&desktop=d&\
                    pool=p%26q&status=upload-failed&type=USER_OPERATION&bucket=b&policy=x&raw=1&\
                    format=csv";
        let query = Query::parse(text, &["a b"], NOW).unwrap();
        let day = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
        assert_eq!(query.range, TimeRange::new(day, day.plus_millis(DEFAULT_MILLIS)));
        let selection = &query.selection;
        assert_eq!(selection.status, Some(Status::UploadFailed));
        assert_eq!(selection.record_type, Some(RecordType::Operation));
        assert_eq!((query.desktop.as_deref(), query.user.as_deref()), (Some("d"), None));
        assert_eq!(selection.pool.as_deref(), Some("p&q"));
        assert!(query.is_raw && query.format == Format::Csv);
        assert_eq!(Query::parse("", &[], NOW), Ok(Query::default_at(NOW)));
    }

    #[test]
    fn errors_name_the_accepted_values() {
        for (text, code, says) in [
            ("statuss=REC_FAILED", 400, "accepted are project, from, to, user, desktop, pool"),
            ("status=x", 400, "invalid status x; accepted are RECORDING"),
            ("type=x", 400, "invalid type x; accepted are FULL"),
            ("from=x", 400, "invalid from x; accepted is a time such as"),
            ("from=2026-11-03&to=2026-11-03", 400, "is not before to"),
            ("raw=yes", 400, "accepted are 0 and 1"),
            ("format=xml", 400, "accepted are json and csv"),
            ("user=a&user=b", 400, "user is given twice"),
            ("project=x", 404, "known are p, q"),
        ] {
            let error = Query::parse(text, &["p", "q"], NOW).unwrap_err();
            assert_eq!(error.status(), code, "{text}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
