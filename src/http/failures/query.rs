//! Query parameters of `/failures` and `/api/v1/failures`.

use url::form_urlencoded;

use crate::http::lists::{Format, MAX_ROWS, append_paging};
use crate::http::parameters::{self, ParameterError};
use crate::listing::parse_moment;
use crate::snapshot::{FailureFilter, TextCondition};
use records_api::record::{RecordType, Status, Timestamp};

/// Filter and limits for failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct Query {
    pub(in crate::http) project: Option<String>,
    pub(in crate::http) filter: FailureFilter,
    pub(in crate::http) limit: usize,
    pub(in crate::http) offset: usize,
    pub(in crate::http) format: Format,
}

/// Names of the parameters.
const PARAMETERS: [&str; 12] = [
    "project", "status", "type", "pool", "user", "desktop", "counted", "from", "to", "limit",
    "offset", "format",
];

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
            let filter = &mut query.filter;
            match name {
                "project" => query.project = Some(value),
                "status" => filter.status = Some(status(value)?),
                "type" => {
                    let known = RecordType::parse(&value).map(|known| known.code().to_owned());
                    filter.record_type = Some(known.unwrap_or(value));
                }
                "pool" => filter.pool = Some(value),
                "user" => filter.user = Some(value),
                "desktop" => filter.desktop = Some(value),
                "counted" => filter.counted = Some(counted(value)?),
                "from" => filter.from = Some(moment(name, value)?),
                "to" => filter.to = Some(moment(name, value)?),
                "limit" => limit = Some(parameters::whole_number(name, value, 1..=MAX_ROWS)?),
                "offset" => query.offset = parameters::whole_number(name, value, 0..=usize::MAX)?,
                _ => query.format = Format::parse(value)?,
            }
        }
        if let (Some(from), Some(to)) = (query.filter.from, query.filter.to)
            && from >= to
        {
            return Err(ParameterError::Value {
                name: "from",
                value: from.to_rfc3339(),
                accepted: format!("accepted is a time before to ({})", to.to_rfc3339()),
            });
        }
        parameters::require_known_project(query.project.as_deref(), projects)?;
        query.limit = limit.unwrap_or_else(|| query.format.default_rows());
        Ok(query)
    }

    /// Returns the conditions that compare texts, each with its parameter and value.
    pub(super) fn text_conditions(&self) -> Vec<(TextCondition, &'static str, &str)> {
        let filter = &self.filter;
        let texts = [
            (TextCondition::Type, "type", &filter.record_type),
            (TextCondition::Pool, "pool", &filter.pool),
            (TextCondition::User, "user", &filter.user),
            (TextCondition::Desktop, "desktop", &filter.desktop),
        ];
        let set = texts.into_iter();
        set.filter_map(|(condition, name, text)| Some((condition, name, text.as_deref()?)))
            .collect()
    }

    /// Returns a query string with the same filter and limit, from another row on.
    pub(in crate::http) fn at_offset(&self, offset: usize, format: Format) -> String {
        let filter = &self.filter;
        let moment = |moment: Option<Timestamp>| moment.map(Timestamp::to_rfc3339);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("project", self.project.clone()),
            ("status", filter.status.map(|status| status.code().to_owned())),
            ("type", filter.record_type.clone()),
            ("pool", filter.pool.clone()),
            ("user", filter.user.clone()),
            ("desktop", filter.desktop.clone()),
            ("counted", filter.counted.map(|counted| counted.to_string())),
            ("from", moment(filter.from)),
            ("to", moment(filter.to)),
        ] {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        let limit = (format == self.format).then_some(self.limit);
        append_paging(&mut query, limit, offset, format);
        query.finish()
    }
}

fn status(value: String) -> Result<Status, ParameterError> {
    let status = Status::parse(&value).filter(|status| status.is_failed());
    status.ok_or_else(|| ParameterError::Value {
        name: "status",
        value,
        accepted: "accepted are REC_FAILED and UPLOAD_FAILED".to_owned(),
    })
}

fn counted(value: String) -> Result<bool, ParameterError> {
    let accepted = || "accepted are true and false".to_owned();
    value.parse().map_err(|_| ParameterError::Value {
        name: "counted",
        value,
        accepted: accepted(),
    })
}

fn moment(name: &'static str, value: String) -> Result<Timestamp, ParameterError> {
    parse_moment(&value).map_err(|accepted| ParameterError::Value { name, value, accepted })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every parameter, as this module writes it.
    const FULL: &str = "project=a+b&status=UPLOAD_FAILED&type=OPERATION&pool=p%26q&user=%3Cu%3E&desktop=d&\
                        counted=true&from=2026-11-20T00%3A00%3A00.000Z&to=2026-11-21T01%3A30%3A00.000Z&\
                        limit=7&offset=14&format=csv";

    #[test]
    fn a_query_is_written_as_it_is_read() {
        let query = Query::parse(FULL, Format::Json, &["a b"]).unwrap();
        assert_eq!(query.at_offset(14, Format::Csv), FULL);
        let filter = FULL.split("&limit").next().unwrap();
        assert_eq!(query.at_offset(0, Format::Json), filter, "each format has its own limit");
        let other = "project=a+b&status=upload-failed&type=USER_OPERATION&pool=p%26q&user=%3Cu%3E&desktop=d&\
                     counted=true&from=2026-11-20&to=2026-11-21T09%3A30%3A00%2B08%3A00&limit=7&offset=14&\
                     format=csv";
        assert_eq!(Query::parse(other, Format::Json, &["a b"]), Ok(query));
    }

    #[test]
    fn empty_parameters_count_as_absent() {
        let empty =
            "project=&status=&type=&pool=&user=&desktop=&counted=&from=&to=&limit=&offset=&format=";
        let default = |limit, format| Query { limit, format, ..Query::default() };
        assert_eq!(Query::parse(empty, Format::Html, &[]), Ok(default(100, Format::Html)));
        assert_eq!(Query::parse("", Format::Json, &[]), Ok(default(10_000, Format::Json)));
        assert_eq!(Query::parse("format=csv", Format::Html, &[]).unwrap().limit, 10_000);
    }

    #[test]
    fn errors_name_the_accepted_values() {
        let names = "accepted are project, status, type, pool, user, desktop, counted, from, to, limit, \
                     offset and format";
        for (text, code, says) in [
            ("statuss=REC_FAILED", 400, names),
            ("status=RECORDING", 400, "REC_FAILED and UPLOAD_FAILED"),
            ("status=%ff", 400, "REC_FAILED and UPLOAD_FAILED"),
            ("counted=1", 400, "true and false"),
            ("counted=True", 400, "true and false"),
            ("from=yesterday", 400, "invalid from yesterday; accepted is a time such as"),
            ("to=2026-11-20T10:00", 400, "invalid to 2026-11-20T10:00; accepted is a time"),
            ("from=2026-11-20&to=2026-11-20", 400, "a time before to (2026-11-20T00:00:00.000Z)"),
            ("limit=0", 400, "from 1 to 10000"),
            ("limit=10001", 400, "from 1 to 10000"),
            ("offset=-1", 400, "0 or more"),
            ("format=xml", 400, "json and csv"),
            ("user=a&user=b", 400, "user is given twice"),
            ("project=x", 404, "known are p, q"),
            ("%", 400, "unknown parameter"),
        ] {
            let error = Query::parse(text, Format::Json, &["p", "q"]).unwrap_err();
            assert_eq!(error.status(), code, "{text}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
