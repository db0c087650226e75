//! Errors of a read that cannot be completed although every request was answered.

use records_api::record::Timestamp;

/// A contradiction between answers, or between an answer and its request. It fails the poll.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The rows are not in the requested order.
    #[error(
        "the API does not sort by start_time: {} came after {}",
        .earlier.to_rfc3339(),
        .later.to_rfc3339()
    )]
    Unsorted {
        /// Start of the first row.
        later: Timestamp,
        /// Smaller start of a row after it.
        earlier: Timestamp,
    },
    /// Greater offsets return only rows that were already read.
    #[error("the API does not advance: offset {offset} returned only rows that were already read")]
    Stuck {
        /// Offset of the last request.
        offset: u64,
    },
    /// Rows change their positions faster than they are read.
    #[error("records before {} change faster than they can be read", .near.to_rfc3339())]
    Moving {
        /// Last start that was read.
        near: Timestamp,
    },
    /// Records of equal start come in another order in each answer, and some were never listed.
    #[error(
        "{missing} of {expected} records that start at {} were never listed: the API orders \
         records of equal start differently in every answer",
        .start.to_rfc3339()
    )]
    Unordered {
        /// Start of the records.
        start: Timestamp,
        /// Number of records with this start.
        expected: u64,
        /// Number of those that were never listed.
        missing: u64,
    },
    /// The API ignores the lower bound, and nothing shows how far back its answers reach.
    #[error(
        "the API ignores the parameter start_time: asked for records from {}, it returned one \
         that had ended at {}",
        .bound.to_rfc3339(),
        .ended.to_rfc3339()
    )]
    BoundIgnored {
        /// Bound of the request.
        bound: Timestamp,
        /// End of a listed record, before the bound.
        ended: Timestamp,
    },
    /// A list ends before a record that a list with a later bound contains.
    #[error(
        "the API's list ends at {}, but a request with a later start_time returns a record that \
         starts at {}",
        .ended.to_rfc3339(),
        .first.to_rfc3339()
    )]
    Apart {
        /// Last start in the list.
        ended: Timestamp,
        /// Later start in the other list.
        first: Timestamp,
    },
    /// The API counts records but lists none, although some are known.
    #[error("the API counts {total} records but lists none, although it listed some before")]
    Vanished {
        /// The API's count.
        total: u64,
    },
    /// The project would hold too many records.
    #[error("the window has more than {limit} records, the limit of `poll.max_records`")]
    TooMany {
        /// Maximum number of records.
        limit: usize,
    },
    /// A list has more rows or pages than any window.
    #[error("the API's list does not end: {rows} rows were read in {pages} pages")]
    Endless {
        /// Number of rows.
        rows: usize,
        /// Number of pages.
        pages: u32,
    },
    /// Too many rows were rejected.
    #[error("{rejected} of {rows} rows could not be understood ({reasons})")]
    Rejected {
        /// Number of rejected rows.
        rejected: u64,
        /// Number of rows read.
        rows: u64,
        /// Number of rejected rows for each reason, as text.
        reasons: String,
    },
}

impl SyncError {
    /// Returns what an administrator can do about the error.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unsorted { .. } | Self::Stuck { .. } | Self::BoundIgnored { .. } => {
                "the server does not behave as the records API is documented: check \
                 `projects.endpoint`, and report the answer to the maintainers of the exporter"
            }
            Self::Apart { .. } => {
                "the API omits records from long lists: shorten `poll.window` or narrow \
                 `projects.filter`, so that the window holds fewer records"
            }
            Self::Vanished { .. } => {
                "the API contradicts itself; the next poll tries again. If it persists, check with \
                 another client whether the records exist, and restart the exporter if they do not"
            }
            Self::Moving { .. } | Self::Unordered { .. } => {
                "the next poll tries again. If it persists, raise `api.page_size` or \
                 `api.max_requests_per_second`, so that a poll reads faster"
            }
            Self::TooMany { .. } => {
                "shorten `poll.window`, narrow `projects.filter`, or raise `poll.max_records` (at most \
                 12000000; a million records take about 75 MB of memory)"
            }
            Self::Endless { .. } => {
                "check `projects.endpoint`. If the window does hold so many records, raise \
                 `api.page_size` or shorten `poll.window`"
            }
            Self::Rejected { .. } => {
                "the API may have changed its format: look for a newer version of the exporter, \
                 and report an example row to its maintainers"
            }
        }
    }
}
