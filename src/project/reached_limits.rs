//! Limits that nothing else shows when they are reached: logged when it happens, and once an hour.

use records_api::LogThrottle;

/// Messages about limits that were reached.
#[derive(Debug, Default)]
pub(super) struct ReachedLimits {
    anomalies: LogThrottle,
    stale_reads: LogThrottle,
}

impl ReachedLimits {
    /// Reports the limits that a poll has reached.
    pub(super) fn report(
        &mut self,
        project: &str,
        has_all_anomalies: bool,
        has_all_stale_reads: bool,
    ) {
        if has_all_anomalies && self.anomalies.is_due(String::new()) {
            tracing::warn!(
                project,
                "too many rows and values cannot be interpreted: the metrics of rejected records and \
                 unknown values do not rise further"
            );
        }
        if has_all_stale_reads && self.stale_reads.is_due(String::new()) {
            tracing::warn!(
                project,
                "too many reads are older than the known records: some changes show only after the \
                 next polls"
            );
        }
    }
}
