//! Query parameters of `GET /v2/{project_id}/screen-records`.

use percent_encoding::utf8_percent_encode;

use crate::credentials::UNRESERVED;
use crate::record::{RecordType, Status, Timestamp};

/// All query parameters of `GET /v2/{project_id}/screen-records`.
///
/// A server may refuse any of them or silently ignore it, so the caller must check the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordsQuery {
    /// Maximum number of rows on the page: from 1 to 1000 or to 100, depending on the document.
    pub limit: u32,
    /// Number of rows to skip.
    pub offset: u64,
    /// Lower bound, inclusive, sent in whole seconds. The API's default is 15 days ago.
    pub start_time: Option<Timestamp>,
    /// Upper bound, sent in whole seconds. A poll never sends it: an API that compares it with the
    /// `end_time` of records omits those that are still recording.
    pub end_time: Option<Timestamp>,
    /// Order by `start_time`, the only field that the API can sort by.
    pub sort: Option<SortOrder>,
    /// Further conditions.
    pub filter: RecordsFilter,
    /// Names in the filter that must not appear in errors and logs (see [`Self::hiding_names`]).
    hidden: Vec<String>,
}

/// Stands in messages for a name.
const HIDDEN: &str = "<hidden>";

/// Sort direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Conditions on records other than bounds of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordsFilter {
    /// Only records of the desktop with this ID.
    pub desktop_id: Option<String>,
    /// Only records of desktops with these names, at most 100.
    pub desktop_names: Vec<String>,
    /// Only records of the user with this name.
    pub username: Option<String>,
    /// Only records in this status. The API documents four; it may refuse the two for failures.
    pub status: Option<Status>,
    /// Only records of this type.
    pub record_type: Option<RecordType>,
}

impl RecordsQuery {
    /// Creates a query for records that start at `start_time` or later, oldest first.
    pub fn ascending(
        start_time: Timestamp,
        offset: u64,
        limit: u32,
        filter: RecordsFilter,
    ) -> Self {
        let (start_time, sort) = (Some(start_time), Some(SortOrder::Ascending));
        Self { limit, offset, start_time, end_time: None, sort, filter, hidden: Vec::new() }
    }

    /// Returns the query with the names in its filter hidden from errors and logs, if `hides` is
    /// true. They are sent all the same.
    #[must_use]
    pub fn hiding_names(mut self, hides: bool) -> Self {
        if hides {
            let RecordsFilter { desktop_id, desktop_names, username, .. } = &self.filter;
            self.hidden = desktop_names.iter().chain(desktop_id).chain(username).cloned().collect();
        }
        self
    }

    /// Returns the names that must not appear in errors and logs.
    pub(crate) fn hidden_names(&self) -> &[String] {
        &self.hidden
    }

    /// Returns the query string for people, with hidden names replaced.
    pub(crate) fn shown_query_string(&self) -> String {
        if self.hidden.is_empty() {
            return self.to_query_string();
        }
        let mut pairs = self.pairs();
        for (name, value) in &mut pairs {
            if matches!(*name, "desktop_id" | "desktop_names" | "username") {
                HIDDEN.clone_into(value);
            }
        }
        join(pairs)
    }

    /// Returns the query string with its parameters sorted by name, as the signature requires.
    pub fn to_query_string(&self) -> String {
        let encoded = |value: &String| utf8_percent_encode(value, &UNRESERVED).to_string();
        let mut pairs = self.pairs();
        for (_, value) in &mut pairs {
            *value = encoded(value);
        }
        join(pairs)
    }

    /// Returns the parameters with their values as they are.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let filter = &self.filter;
        let mut pairs: Vec<(&'static str, String)> =
            vec![("limit", self.limit.to_string()), ("offset", self.offset.to_string())];
        let mut push = |name, value: Option<String>| {
            if let Some(value) = value {
                pairs.push((name, value));
            }
        };
        push("desktop_id", filter.desktop_id.clone());
        push(
            "desktop_names",
            (!filter.desktop_names.is_empty()).then(|| filter.desktop_names.join(",")),
        );
        push("username", filter.username.clone());
        push("status", filter.status.map(|status| status.code().to_owned()));
        push("type", filter.record_type.map(|kind| kind.code().to_owned()));
        push("start_time", self.start_time.map(Timestamp::to_query));
        push("end_time", self.end_time.map(Timestamp::to_query));
        push("sort_field", self.sort.map(|_| "start_time".to_owned()));
        push(
            "sort_type",
            self.sort.map(|order| match order {
                SortOrder::Ascending => "asc".to_owned(),
                SortOrder::Descending => "desc".to_owned(),
            }),
        );
        pairs
    }
}

/// Joins parameters in the order of their names.
fn join(mut pairs: Vec<(&'static str, String)>) -> String {
    pairs.sort();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parameters_are_written_as_by_the_official_sdk() {
        // wire.json, list_all_params: recorded from the Python SDK.
        let query = RecordsQuery {
            limit: 100,
            offset: 0,
            start_time: Timestamp::parse("2024-03-12 12:02:01"),
            end_time: Timestamp::parse("2024-03-13 12:02:01"),
            sort: Some(SortOrder::Ascending),
            filter: RecordsFilter {
                desktop_id: Some("7f1ac068-0000".to_owned()),
                desktop_names: vec!["pc-1".to_owned(), "pc 2".to_owned(), "桌面".to_owned()],
                username: Some("用户甲".to_owned()),
                status: Some(Status::UploadFailed),
                record_type: Some(RecordType::Full),
            },
            hidden: Vec::new(),
        };
        assert_eq!(
            query.to_query_string(),
            "desktop_id=7f1ac068-0000&desktop_names=pc-1%2Cpc%202%2C%E6%A1%8C%E9%9D%A2\
             &end_time=2024-03-13%2012%3A02%3A01&limit=100&offset=0&sort_field=start_time\
             &sort_type=asc&start_time=2024-03-12%2012%3A02%3A01&status=UPLOAD_FAILED&type=FULL\
             &username=%E7%94%A8%E6%88%B7%E7%94%B2"
        );
    }

    #[test]
    fn hidden_names_are_sent_and_not_shown() {
        let filter = RecordsFilter {
            desktop_id: Some("7f1ac068".to_owned()),
            desktop_names: vec!["pc 3".to_owned()],
            username: Some("sara lee".to_owned()),
            ..RecordsFilter::default()
        };
        let query = RecordsQuery { limit: 1, filter, ..RecordsQuery::default() };
        let sent = "desktop_id=7f1ac068&desktop_names=pc%203&limit=1&offset=0&username=sara%20lee";
        let hidden = query.clone().hiding_names(true);
        assert_eq!((query.to_query_string(), hidden.to_query_string()), (sent.into(), sent.into()));
        assert_eq!(query.hiding_names(false).shown_query_string(), sent);
        assert_eq!(
            hidden.shown_query_string(),
            "desktop_id=<hidden>&desktop_names=<hidden>&limit=1&offset=0&username=<hidden>"
        );
    }

    #[test]
    fn absent_parameters_are_not_sent() {
        let query = RecordsQuery { limit: 1, ..RecordsQuery::default() };
        assert_eq!(query.to_query_string(), "limit=1&offset=0");
    }
}
