//! What stands behind the `?` of a question for failures. Strict: what is not understood is refused
//! and never left out of account, since a filter that is misspelt would hide failures.

use url::form_urlencoded;

use super::Row;
use records_api::record::{RecordType, Status};

/// Most rows of an answer.
pub(in crate::http) const MOST_ROWS: usize = crate::ledger::MAX_FAILURE_DETAILS;

/// Stands for a value that a record does not have.
const NONE: &str = "_none";
/// As metrics name what is beyond `labels.max_pools` and `labels.max_users`.
const OTHER: &str = "_other";

/// Which failures are asked for.
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

/// Why a question is not answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Refusal {
    /// A parameter of another name.
    #[error(
        "no such parameter: {0}; accepted are project, status, type, pool, user and limit, each once"
    )]
    Unknown(String),
    /// A parameter that stands twice.
    #[error("{0} stands twice; each parameter may stand once")]
    Twice(&'static str),
    /// A status that is no failure.
    #[error("status={0}: accepted are REC_FAILED and UPLOAD_FAILED")]
    Status(String),
    /// A limit that is none.
    #[error("limit={0}: accepted is a whole number from 1 to {MOST_ROWS}")]
    Limit(String),
    /// A project that is not in the config.
    #[error("no such project: {name}; known are {}", known.join(", "))]
    Project {
        /// The one asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

impl Refusal {
    pub(in crate::http) fn status(&self) -> http::StatusCode {
        match self {
            Self::Project { .. } => http::StatusCode::NOT_FOUND,
            _ => http::StatusCode::BAD_REQUEST,
        }
    }
}

impl Query {
    /// Reads a query string; without a limit `limit` rows are meant. A parameter without a value
    /// counts as absent, as a form sends what was not filled in.
    pub(in crate::http) fn read(
        text: &str,
        limit: usize,
        projects: &[&str],
    ) -> Result<Self, Refusal> {
        let mut query = Self { limit, ..Self::default() };
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let names = ["project", "status", "type", "pool", "user", "limit"];
            let Some(name) = names.into_iter().find(|known| *known == name) else {
                return Err(Refusal::Unknown(name.into_owned()));
            };
            if seen.contains(&name) {
                return Err(Refusal::Twice(name));
            }
            seen.push(name);
            if value.is_empty() {
                continue;
            }
            let value = value.into_owned();
            match name {
                "project" => query.project = Some(value),
                "status" => query.status = Some(status(value)?),
                "type" => {
                    let known = RecordType::parse(&value).map(|known| known.code().to_owned());
                    query.record_type = Some(known.unwrap_or(value));
                }
                "pool" => query.pool = Some(value),
                "user" => query.user = Some(value),
                _ => query.limit = rows(value)?,
            }
        }
        match query.project {
            Some(name) if !projects.contains(&name.as_str()) => {
                let known = projects.iter().map(ToString::to_string).collect();
                Err(Refusal::Project { name, known })
            }
            _ => Ok(query),
        }
    }

    /// Whether a row is asked for, but for its project.
    pub(super) fn wants(&self, row: &Row<'_>) -> bool {
        let failure = &row.failure;
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| wanted == value.unwrap_or(NONE))
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

fn status(text: String) -> Result<Status, Refusal> {
    Status::parse(&text).filter(|status| status.is_failed()).ok_or(Refusal::Status(text))
}

fn rows(text: String) -> Result<usize, Refusal> {
    let number = text.parse().ok().filter(|number| (1..=MOST_ROWS).contains(number));
    number.ok_or(Refusal::Limit(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_read_and_empty_ones_are_absent() {
        let text = "project=a+b&status=upload-failed&type=USER_OPERATION&pool=p%26q&user=&limit=7";
        let query = Query::read(text, 100, &["a b"]).unwrap();
        assert_eq!(query.project.as_deref(), Some("a b"));
        assert_eq!(query.status, Some(Status::UploadFailed));
        assert_eq!(query.record_type.as_deref(), Some("OPERATION"));
        assert_eq!((query.pool.as_deref(), query.user), (Some("p&q"), None));
        assert_eq!(query.limit, 7);
        assert_eq!(Query::read("", 100, &[]), Ok(Query { limit: 100, ..Query::default() }));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_is_accepted() {
        for (text, code, says) in [
            ("statuss=REC_FAILED", 400, "accepted are project, status, type, pool, user and limit"),
            ("status=RECORDING", 400, "REC_FAILED and UPLOAD_FAILED"),
            ("status=%ff", 400, "REC_FAILED and UPLOAD_FAILED"),
            ("limit=0", 400, "from 1 to 1000"),
            ("limit=1001", 400, "from 1 to 1000"),
            ("limit=ten", 400, "from 1 to 1000"),
            ("user=a&user=b", 400, "user stands twice"),
            ("project=x", 404, "known are p, q"),
            ("%", 400, "no such parameter"),
        ] {
            let refusal = Query::read(text, 100, &["p", "q"]).unwrap_err();
            assert_eq!(refusal.status(), code, "{text}");
            assert!(refusal.to_string().contains(says), "{text}: {refusal}");
        }
    }
}
