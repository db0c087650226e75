//! Rows that an answer has no business with: true records of the world that were not asked for.

/// Why the rows do not belong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnrequestedReason {
    /// They were over before the lower bound, by start and by end: the oldest there are
    Early,
    /// They are within the bounds but do not match the filters
    Filter,
}

impl UnrequestedReason {
    /// Every reason with its name.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("early", Self::Early), ("filter", Self::Filter)];
}

/// Rows that should not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnrequestedRows {
    /// Why not.
    pub reason: UnrequestedReason,
    /// How many are added to each page; fewer if the world has no more.
    pub count: usize,
}
