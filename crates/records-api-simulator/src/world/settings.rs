//! Settings of a world: its size, and how it changes.

use super::{directory::DirectorySizes, lifecycle::LifecycleSettings};

/// The settings of a world. Times are in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The same seed and settings give the same history.
    pub(crate) seed: u64,
    /// Number of records at the beginning.
    pub(crate) records: usize,
    /// Changes per second. With 0, nothing changes.
    pub(crate) live: f64,
    /// The first records start within this time before the world begins. Late records start at most
    /// this long before they appear.
    pub(crate) window: i64,
    /// Numbers of desktops, users, pools, buckets and policies.
    pub(crate) directory: DirectorySizes,
    /// True if every second name has characters that need escaping.
    pub(crate) hostile_names: bool,
    /// Durations and failure share.
    pub(crate) lifecycle: LifecycleSettings,
    /// Number of recordings that start at exactly 09:00 each day.
    pub(crate) burst: u32,
    /// Share of records with undocumented or missing values.
    pub(crate) odd_share: f64,
}
