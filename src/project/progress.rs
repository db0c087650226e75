//! How far the first sync of a project is, in figures and in the log.

use std::time::Duration;

use tokio::time::Instant;

/// Between two lines of the log.
const TELLING_INTERVAL: Duration = Duration::from_secs(10);

/// How far a first sync is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Rows that earlier parts have read.
    before: u64,
    rows: u64,
    total: Option<u64>,
    is_over: bool,
    /// When it began, or was last told of.
    told: Option<Instant>,
}

impl Progress {
    /// Of a process that begins; the first sync may be over.
    pub(super) fn new(is_over: bool) -> Self {
        Self { is_over, ..Self::default() }
    }

    /// Takes what the sync under way has read so far, and tells of it every now and then.
    pub(super) fn note(&mut self, project: &str, (rows, total): (u64, Option<u64>), now: Instant) {
        if self.is_over {
            return;
        }
        let rows = self.before + rows;
        let total = total.map(|total| self.before + total);
        (self.rows, self.total) = (rows, total);
        let told = self.told.get_or_insert(now);
        if now.duration_since(*told) >= TELLING_INTERVAL {
            *told = now;
            let ratio = self.ratio();
            tracing::info!(project, rows, total, ratio, "first sync under way");
        }
    }

    /// Goes on with a part, before which `rows` were read.
    pub(super) fn go_on(&mut self, rows: u64) {
        self.before = rows;
    }

    /// The first sync is complete.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// Its share, from 0 to 1; 0 as long as nobody knows of how much.
    pub(super) fn ratio(&self) -> f64 {
        match self.total {
            _ if self.is_over => 1.0,
            Some(total) => (self.rows as f64 / total as f64).min(1.0),
            None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_from_nothing_to_one() {
        let mut progress = Progress::default();
        let now = Instant::now();
        assert_eq!(progress.ratio().to_bits(), 0.0_f64.to_bits());
        progress.note("p", (25, Some(100)), now);
        assert_eq!(progress.ratio().to_bits(), 0.25_f64.to_bits());
        progress.note("p", (125, Some(100)), now);
        assert_eq!(progress.ratio().to_bits(), 1.0_f64.to_bits());
        progress.note("p", (0, None), now);
        progress.end();
        progress.note("p", (1, Some(100)), now);
        assert_eq!(progress.ratio().to_bits(), 1.0_f64.to_bits());
    }
}
