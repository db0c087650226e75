//! First sync of a large window. It is read in parts, each of which is committed, so that a process that
//! is stopped loses one part and not all of them.

use super::reader::{PollReader, TooMany};
use crate::ledger::{ApiCounts, CommitError, Counted, FirstSync, PollFacts, Staging};
use crate::listing::ReadFailure;
use crate::project::commit::commit;
use crate::project::error::{PollError, Reason};
use crate::project::state::{Polled, ProjectState};
use crate::sync::{
    Anomalies, CountMeaning, Extent, ExtentReader, Planner, Prefix, ReadSummary, SyncError,
};
use records_api::record::{TimeRange, Timestamp};

/// Number of pages in a part. Reading them takes ten seconds at ten requests a second.
const PART_PAGES: u64 = 100;
/// Minimum number of pages of a window of which a part that broke off is kept.
const MIN_PREFIX_WINDOW_PAGES: u64 = 20;
/// Minimum number of pages of a part that broke off.
const MIN_PREFIX_PAGES: u64 = 2;
/// Minimum length of a part. Without it, an API that counts more records than it has would be read in
/// ever shorter parts.
const MIN_PART_MILLIS: i64 = 60_000;
/// Longest pause after which a first sync continues. After a longer one, too much has changed in the parts
/// that were already read.
const MAX_PAUSE_MILLIS: i64 = 3_600_000;

impl PollReader<'_> {
    /// Reads the window for the first time. Continues where an earlier process or poll stopped.
    pub(super) async fn first_sync(&self, identity: &str) -> Result<Polled, PollError> {
        let mut parts = ReadSummary::default();
        loop {
            let earlier = self.earlier_parts(identity);
            if let Some(part) = &earlier {
                (parts.rows, parts.rejected) = (part.rows, part.rejected.clone());
            }
            let from = earlier.as_ref().map_or(self.window_start, |part| part.until);
            self.progress.lock().start_part(self.known());
            let most = PART_PAGES * u64::from(self.client.page_size());
            let mut broken = None;
            let rest = Extent::since(from);
            let read = self.read_up_to(most, rest, ApiCounts::default(), &mut broken).await;
            // Boxed, because the future is large.
            let read = self.or_prefix(read, broken, earlier.as_ref(), &mut parts, identity);
            let read = Box::pin(read).await?;
            let (staging, summary) = match read {
                Ok(read) => read,
                Err(TooMany(total)) => match part_end(from, self.now, total.div_ceil(most)) {
                    None => self.read(Extent::since(from), ApiCounts::default()).await?,
                    Some(until) => {
                        let part = Extent::all(TimeRange::new(from, until));
                        let mut broken = None;
                        let read = self.read_keeping(&mut broken, part, ApiCounts::default()).await;
                        let read =
                            self.or_prefix(read, broken, earlier.as_ref(), &mut parts, identity);
                        let (staging, summary) = Box::pin(read).await?;
                        // If the API ignores the bounds, each part would be the whole window. If a part
                        // does not meet the one before, records between them may be missing.
                        let is_short = summary.first_start_beyond.is_none() && summary.rows < total;
                        if summary.ignores_bound || is_short || !meets(earlier.as_ref(), &summary) {
                            return self.whole_window(total).await;
                        }
                        let facts = earlier.map_or_else(|| self.facts(identity), |part| part.facts);
                        let beyond = summary.first_start_beyond;
                        let ended = Timestamp::from_millis(self.clock.now_millis());
                        parts.merge(summary);
                        let anomalies = std::mem::take(&mut parts.anomalies);
                        let (rows, rejected) = (parts.rows, parts.rejected.clone());
                        let part = FirstSync { facts, until, beyond, ended, rows, rejected };
                        self.check_size(&staging)?;
                        self.commit_part(staging, anomalies, part).await?;
                        continue;
                    }
                },
            };
            let Some(earlier) = earlier else {
                return Ok(Polled::everything(staging, summary, self.now));
            };
            if !meets(Some(&earlier), &summary) {
                return self.whole_window(summary.rows).await;
            }
            // Boxed, because the future is large.
            let polled = self.complete(staging, summary, parts, earlier.facts.begun);
            return Box::pin(polled).await;
        }
    }

    /// Commits the beginning of a part that broke off, so that a failed page does not cost the pages
    /// before it. Returns the result of the read.
    async fn or_prefix<T>(
        &self,
        read: Result<T, PollError>,
        broken: Option<ExtentReader>,
        earlier: Option<&FirstSync>,
        parts: &mut ReadSummary,
        identity: &str,
    ) -> Result<T, PollError> {
        let Err(error) = &read else { return read };
        // After a contradiction, or with clocks that differ, the rows before may be wrong, too.
        let is_of_api = matches!(error.reason, Reason::Read(ReadFailure::Api(_)));
        // A small window is read again as fast as it is committed.
        let min_rows = MIN_PREFIX_WINDOW_PAGES * u64::from(self.client.page_size());
        let is_large = |broken: &ExtentReader| broken.progress().1 >= Some(min_rows);
        let prefix = broken.filter(|broken| is_of_api && is_large(broken));
        let prefix = prefix.and_then(ExtentReader::into_prefix);
        let Some(Prefix { staging, summary, until, beyond }) = prefix else { return read };
        let is_short = summary.rows < MIN_PREFIX_PAGES * u64::from(self.client.page_size());
        if is_short || !meets(earlier, &summary) || self.check_size(&staging).is_err() {
            return read;
        }
        let facts = earlier.map_or_else(|| self.facts(identity), |part| part.facts.clone());
        let ended = Timestamp::from_millis(self.clock.now_millis());
        parts.merge(summary);
        let anomalies = std::mem::take(&mut parts.anomalies);
        let (rows, rejected) = (parts.rows, parts.rejected.clone());
        let part = FirstSync { facts, until, beyond: Some(beyond), ended, rows, rejected };
        // The poll has failed already. Without this commit, the next one reads the part again.
        let _ = self.commit_part(staging, anomalies, part).await;
        read
    }

    fn facts(&self, identity: &str) -> PollFacts {
        PollFacts {
            identity: identity.to_owned(),
            counting_since: self.now,
            window_start: self.window_start,
            begun: self.now,
            ..PollFacts::default()
        }
    }

    /// Returns the parts that were already read, if the first sync can continue from them.
    fn earlier_parts(&self, identity: &str) -> Option<FirstSync> {
        let part = self.state.lock().ledger().first_sync().cloned()?;
        let pause = self.now.millis().saturating_sub(part.ended.millis());
        let goes_on = part.facts.identity == identity
            && part.facts.window_start <= self.window_start
            && part.until > self.window_start
            && pause <= MAX_PAUSE_MILLIS;
        goes_on.then_some(part)
    }

    /// Returns the number of records read by the parts.
    fn known(&self) -> u64 {
        self.state.lock().ledger().shown_since(self.window_start)
    }

    /// Completes the first sync after its last part: reads again what was in flight in the others.
    async fn complete(
        &self,
        mut staging: Staging,
        mut summary: ReadSummary,
        parts: ReadSummary,
        since: Timestamp,
    ) -> Result<Polled, PollError> {
        let lists = Planner::lists(self.filter.status.is_some());
        let filter_works =
            self.read_in_flight(&mut staging, &mut summary, lists, ApiCounts::default()).await?;
        summary.reported = self.count(Counted::All, self.window_start).await?;
        summary.merge(parts);
        summary.window_start = self.window_start;
        let known = {
            let state = self.state.lock();
            let known = state.ledger().shown_since(self.window_start);
            let more = state.ledger().pending(&staging).since(Counted::All, self.window_start);
            known.checked_add_signed(more)
        };
        if summary.reported == known {
            summary.count = CountMeaning::AllRows;
        }
        Ok(Polled { filter_works, ..Polled::everything(staging, summary, since) })
    }

    /// Reads the whole window without parts.
    async fn whole_window(&self, counted: u64) -> Result<Polled, PollError> {
        self.discard_parts().await?;
        self.progress.lock().start_part(0);
        let (staging, summary) =
            self.read(Extent::since(self.window_start), ApiCounts::default()).await?;
        if summary.rows == 0 && counted > 0 {
            return Err(SyncError::Vanished { total: counted }.into());
        }
        Ok(Polled::everything(staging, summary, self.now))
    }

    /// Discards the parts, so that the first sync starts from the beginning.
    pub(super) async fn discard_parts(&self) -> Result<(), PollError> {
        self.commit_first_sync(ProjectState::discard_parts).await
    }

    async fn commit_part(
        &self,
        staging: Staging,
        anomalies: Anomalies,
        part: FirstSync,
    ) -> Result<(), PollError> {
        self.commit_first_sync(|state| state.commit_part(staging, anomalies, part)).await
    }

    /// Commits a change of the first sync. The snapshot shows its size on disk, and nothing else of it.
    async fn commit_first_sync(
        &self,
        change: impl FnOnce(&mut ProjectState) -> Result<(), CommitError> + Send + 'static,
    ) -> Result<(), PollError> {
        let compacted = commit(self.state, self.cancelled, |state| {
            change(state)?;
            Ok(state.compact())
        });
        let compacted = compacted.await?;
        self.polling.lock().show_log(compacted);
        Ok(())
    }
}

/// True if a part follows the earlier one without a gap: the first record that the earlier one saw after
/// its end is also the first one of the next part. Otherwise the API withheld records from one of them.
fn meets(earlier: Option<&FirstSync>, next: &ReadSummary) -> bool {
    let Some(earlier) = earlier else { return true };
    match (earlier.beyond, next.first_start) {
        (None, None) => true,
        (Some(seen), Some(first)) => first <= seen,
        _ => false,
    }
}

/// Returns the end of the next part if the rest of the window is divided into `parts`; `None` if the part
/// would be too short, or the last one.
fn part_end(from: Timestamp, now: Timestamp, parts: u64) -> Option<Timestamp> {
    let rest = now.millis().saturating_sub(from.millis());
    let length = rest / i64::try_from(parts).unwrap_or(i64::MAX).max(1);
    let until = from.plus_millis(length).floor_to_second();
    (length >= MIN_PART_MILLIS && until < now).then_some(until)
}
