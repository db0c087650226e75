//! Why a walk cannot be completed, although every request was answered.

use records_api::record::Timestamp;

/// The answers contradict each other or what was asked. A poll that meets one fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// Rows are not in the order that was asked for.
    #[error(
        "the API does not sort by start_time: {} came after {}",
        .earlier.to_rfc3339(),
        .later.to_rfc3339()
    )]
    Unsorted {
        /// The start that came first.
        later: Timestamp,
        /// The smaller one that followed it.
        earlier: Timestamp,
    },
    /// The same rows come again whatever offset is asked for.
    #[error("the API does not move on: offset {offset} brought only rows already read")]
    Stuck {
        /// The offset asked for last.
        offset: u64,
    },
    /// Rows keep moving under the reader.
    #[error("records before {} change faster than they can be read", .near.to_rfc3339())]
    Moving {
        /// Where it was noticed.
        near: Timestamp,
    },
    /// Records of equal start come in another order each time, and some never came.
    #[error(
        "{missing} of {expected} records that start at {} were never shown: the API orders \
         records of equal start differently in every answer",
        .start.to_rfc3339()
    )]
    Unordered {
        /// Their start.
        start: Timestamp,
        /// How many there are.
        expected: u64,
        /// How many of them are unknown.
        missing: u64,
    },
    /// The lower bound is ignored, and nothing says how far back the answers reach.
    #[error(
        "the API ignores the parameter start_time: asked for records from {}, it returned one \
         that had ended at {}",
        .bound.to_rfc3339(),
        .ended.to_rfc3339()
    )]
    BoundIgnored {
        /// The bound that was sent.
        bound: Timestamp,
        /// The end of a record that came.
        ended: Timestamp,
    },
    /// One listing ends where another one has more.
    #[error(
        "the API ends its list at {}, but shows a record that starts at {} when asked from later on",
        .ended.to_rfc3339(),
        .first.to_rfc3339()
    )]
    Apart {
        /// The last start of the one.
        ended: Timestamp,
        /// A later start that the other one shows.
        first: Timestamp,
    },
    /// Rows were there, the API still counts some, and shows none.
    #[error("the API counts {total} records but shows none, where there were some before")]
    Vanished {
        /// Its count.
        total: u64,
    },
    /// More rows than a poll may hold.
    #[error("the window has more than {limit} records, or the API never ends")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Too many rows could not be understood.
    #[error("{rejected} of {rows} rows could not be understood ({reasons})")]
    Rejected {
        /// Rows rejected.
        rejected: u64,
        /// Rows read.
        rows: u64,
        /// How many for which reason.
        reasons: String,
    },
}

impl SyncError {
    /// What an administrator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unsorted { .. } | Self::Stuck { .. } | Self::BoundIgnored { .. } => {
                "the other side does not do what the records API documents: check \
                 `projects.endpoint`, and report what came to the maintainers"
            }
            Self::Apart { .. } => {
                "the API hides records from a long list: shorten `poll.window`, or narrow \
                 `projects.filter`, until fewer records lie in it"
            }
            Self::Vanished { .. } => {
                "the API contradicts itself; the next poll tries again. If it lasts, ask with \
                 another client what it shows, and restart the exporter if the records are gone"
            }
            Self::Moving { .. } | Self::Unordered { .. } => {
                "the next poll tries again; if it lasts, raise `api.page_size` or \
                 `api.max_requests_per_second`, so that a poll reads faster"
            }
            Self::TooMany { .. } => "shorten `poll.window`",
            Self::Rejected { .. } => {
                "the API may have changed its format: look for a newer version of the exporter, \
                 and report an example row to its maintainers"
            }
        }
    }
}
