//! A poll that takes too long.

use std::time::Duration;

use crate::project::RunningPoll;

/// Formats a poll that takes too long.
pub(super) fn polling(poll: RunningPoll) -> Option<String> {
    let duration = Duration::from_secs(poll.duration.as_secs());
    poll.is_long.then(|| {
        format!(
            "polling for {}, longer than <code>poll.max_staleness</code>",
            humantime::format_duration(duration)
        )
    })
}
