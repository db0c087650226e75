//! State of a project in one word, in the order of urgency.

use crate::project::Status;

/// State of a project. The most urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The last poll failed.
    Failing,
    /// No poll has completed yet.
    FirstSync,
    /// No scrape has started a poll for so long that the snapshot is not served.
    Stale,
    Up,
}

impl State {
    pub(super) fn of(status: &Status) -> Self {
        match (&status.failure, &status.view.records) {
            (Some(_), _) => Self::Failing,
            (None, None) => Self::FirstSync,
            (None, Some(_)) if status.view.is_stale => Self::Stale,
            (None, Some(_)) => Self::Up,
        }
    }

    /// Returns the CSS class.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Failing => "bad",
            Self::FirstSync | Self::Stale => "quiet",
            Self::Up => "good",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Failing => "✕ Failing",
            Self::FirstSync => "… First sync",
            Self::Stale => "… Idle",
            Self::Up => "✓ Up",
        }
    }

    /// Returns what the state means for the snapshot.
    pub(super) fn consequence(self, status: &Status) -> Option<String> {
        let view = &status.view;
        let text = match (self, &view.records) {
            (Self::Failing, None) => "no snapshot yet",
            (Self::Failing, _) if view.is_stale => "snapshot too old to serve",
            (Self::Failing, _) => "serving the last snapshot",
            (Self::FirstSync, _) => {
                return Some(format!("{:.0}%", 100.0 * view.first_sync_progress));
            }
            (Self::Stale, _) => "snapshot too old to serve, waiting for a scrape",
            (Self::Up, _) => return None,
        };
        Some(text.to_owned())
    }
}
