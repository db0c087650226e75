//! The query parameters of the records API.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::record::{RecordType, Status, Timestamp};

/// RFC 3986 unreserved characters stay as they are: what the gateway's signature rules demand.
pub(crate) const UNRESERVED: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Everything that can be asked of `GET /v2/{project_id}/screen-records`.
///
/// Any of it may be refused or silently ignored by the other side; who asks must look at the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordsQuery {
    /// Rows to return at most: 1 to 1000 by some documents, to 100 by others.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u64,
    /// Lower bound, sent in whole seconds. Left out, it means 15 days ago.
    pub start_time: Option<Timestamp>,
    /// Upper bound. A poll never sends it: an API that compares it with a record's own end leaves
    /// out everything that is still recording.
    pub end_time: Option<Timestamp>,
    /// Order by `start_time`, the only field that can be sorted by.
    pub sort: Option<SortOrder>,
    /// Which records.
    pub filter: RecordsFilter,
}

/// Direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Which records are asked for: all parameters that are no bound and no page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordsFilter {
    /// Exactly this desktop.
    pub desktop_id: Option<String>,
    /// Any of these desktops, 100 at most.
    pub desktop_names: Vec<String>,
    /// Exactly this user.
    pub username: Option<String>,
    /// Only this status. The API documents four; it may refuse the two failed ones.
    pub status: Option<Status>,
    /// Only this type.
    pub record_type: Option<RecordType>,
}

impl RecordsQuery {
    /// Records that start at `start_time` or later, oldest first.
    pub fn ascending(
        start_time: Timestamp,
        offset: u64,
        limit: u32,
        filter: RecordsFilter,
    ) -> Self {
        let (start_time, sort) = (Some(start_time), Some(SortOrder::Ascending));
        Self { limit, offset, start_time, end_time: None, sort, filter }
    }

    /// Writes the query string, names sorted, as the request signature wants it.
    pub fn to_query_string(&self) -> String {
        let filter = &self.filter;
        let mut pairs: Vec<(&str, String)> =
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
        pairs.sort();
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(&value, &UNRESERVED)))
            .collect();
        pairs.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_written_as_the_official_sdk_writes_it() {
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
    fn what_is_not_asked_is_not_sent() {
        let query = RecordsQuery { limit: 1, ..RecordsQuery::default() };
        assert_eq!(query.to_query_string(), "limit=1&offset=0");
    }
}
