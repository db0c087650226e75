//! Rows that a request did not ask for: existing records outside its bounds or filters.

/// Why a request does not ask for the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnrequestedReason {
    /// They start and end before the lower bound; the oldest records of the world
    Early,
    /// They are within the bounds but do not match the filters
    Filter,
}

impl UnrequestedReason {
    /// Every reason with its name.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("early", Self::Early), ("filter", Self::Filter)];
}

/// Rows to add to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnrequestedRows {
    /// Records that are added.
    pub reason: UnrequestedReason,
    /// Number of rows added to each page; fewer if the world has no more.
    pub count: usize,
}
