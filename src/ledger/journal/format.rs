//! Format of the state on disk.

/// Format that this version writes. Newer formats are refused, older ones are read.
pub(super) const THIS_FORMAT: u64 = 4;
