//! Query parameters of `/failures` and `/api/v1/failures`.

use super::row::Row;
use crate::http::parameters::{self, ParameterError};
use records_api::record::{RecordType, Status};

/// Maximum number of rows in an answer.
pub(in crate::http) const MAX_ROWS: usize = crate::ledger::MAX_FAILURE_DETAILS;

/// Matches records that have no value.
const NONE: &str = "_none";
/// Label value of pools and users beyond `labels.max_pools` and `labels.max_users`.
const OTHER: &str = "_other";

/// Filter and limit for failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct Query {
    pub(in crate::http) project: Option<String>,
    pub(in crate::http) status: Option<Status>,
    pub(in crate::http) record_type: Option<String>,
    /// Id or name of a pool.
    pub(in crate::http) pool: Option<String>,
    pub(in crate::http) user: Option<String>,
    pub(in crate::http) limit: usize,
}

/// Names of the parameters.
const PARAMETERS: [&str; 6] = ["project", "status", "type", "pool", "user", "limit"];

impl Query {
    /// Parses a query string; `limit` is the default number of rows.
    pub(in crate::http) fn parse(
        text: &str,
        limit: usize,
        projects: &[&str],
    ) -> Result<Self, ParameterError> {
        let mut query = Self { limit, ..Self::default() };
        for (name, value) in parameters::parse(text, &PARAMETERS)? {
            match name {
                "project" => query.project = Some(value),
                "status" => query.status = Some(status(value)?),
                "type" => {
                    let known = RecordType::parse(&value).map(|known| known.code().to_owned());
                    query.record_type = Some(known.unwrap_or(value));
                }
                "pool" => query.pool = Some(value),
                "user" => query.user = Some(value),
                _ => query.limit = parameters::whole_number(name, value, 1..=MAX_ROWS)?,
            }
        }
        parameters::require_known_project(query.project.as_deref(), projects)?;
        Ok(query)
    }

    /// Returns true if a row matches every filter; the project is not compared. A filter may have the
    /// truncated form of a value, because links from alerts contain label values.
    pub(super) fn matches(&self, row: &Row<'_>) -> bool {
        let failure = &row.failure;
        let is = |filter: &Option<String>, value: Option<&str>| {
            filter.as_deref().is_none_or(|filter| {
                let value = value.unwrap_or(NONE);
                filter == value || filter == row.value_limit.shown(value)
            })
        };
        self.status.is_none_or(|status| status.code() == failure.status)
            && is(&self.record_type, failure.record_type)
            && (is(&self.pool, failure.pool)
                || row.pool_name.is_some() && is(&self.pool, row.pool_name)
                || failure.is_pool_folded && is(&self.pool, Some(OTHER)))
            && (is(&self.user, failure.user.as_deref())
                || failure.is_user_folded && is(&self.user, Some(OTHER)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_parameters_count_as_absent() {
        let text = "project=a+b&status=upload-failed&type=USER_OPERATION&pool=p%26q&user=&limit=7";
        let query = Query::parse(text, 100, &["a b"]).unwrap();
        assert_eq!(query.project.as_deref(), Some("a b"));
        assert_eq!(query.status, Some(Status::UploadFailed));
        assert_eq!(query.record_type.as_deref(), Some("OPERATION"));
        assert_eq!((query.pool.as_deref(), query.user), (Some("p&q"), None));
        assert_eq!(query.limit, 7);
        assert_eq!(Query::parse("", 100, &[]), Ok(Query { limit: 100, ..Query::default() }));
    }

    #[test]
    fn errors_name_the_accepted_values() {
        for (text, code, says) in [
            ("statuss=REC_FAILED", 400, "accepted are project, status, type, pool, user and limit"),
            ("status=RECORDING", 400, "REC_FAILED and UPLOAD_FAILED"),
            ("status=%ff", 400, "REC_FAILED and UPLOAD_FAILED"),
            ("limit=0", 400, "from 1 to 1000"),
            ("limit=1001", 400, "from 1 to 1000"),
            ("limit=ten", 400, "from 1 to 1000"),
            ("user=a&user=b", 400, "user is given twice"),
            ("project=x", 404, "known are p, q"),
            ("%", 400, "unknown parameter"),
        ] {
            let error = Query::parse(text, 100, &["p", "q"]).unwrap_err();
            assert_eq!(error.status(), code, "{text}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
