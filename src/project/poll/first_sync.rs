//! The first sync of a large window: read part by part, each of which is committed, so that a
//! process that is stopped in the middle loses one part and not all.

use tokio::task::spawn_blocking;

use super::reader::{PollReader, TooMany};
use crate::ledger::{ApiCounts, Counted, FirstSync, PollFacts, Staging};
use crate::project::books::Polled;
use crate::project::error::{PollError, Reason};
use crate::sync::{Anomalies, Extent, Planner, ReadSummary, SyncError};
use records_api::record::Timestamp;

/// Pages of a part. At ten requests a second it takes ten seconds.
const PART_PAGES: u64 = 100;
/// A part is no shorter: an API that counts more than it has must not be asked for ever.
const MIN_PART_MILLIS: i64 = 60_000;
/// Parts that an earlier process has read are too old after such a pause: the API has gone on.
const MAX_PAUSE_MILLIS: i64 = 3_600_000;

impl PollReader<'_> {
    /// Reads the window for the first time, from where an earlier process or poll came to.
    pub(super) async fn first_sync(&self, identity: &str) -> Result<Polled, PollError> {
        let mut parts = ReadSummary::default();
        loop {
            let earlier = self.earlier_parts(identity);
            if let Some(part) = &earlier {
                (parts.rows, parts.rejected) = (part.rows, part.rejected.clone());
            }
            let from = earlier.as_ref().map_or(self.window_start, |part| part.until);
            self.progress.lock().go_on(self.known());
            let most = PART_PAGES * u64::from(self.client.page_size());
            let (staging, summary) = match self
                .read_up_to(most, Extent::since(from), ApiCounts::default())
                .await?
            {
                Ok(read) => read,
                Err(TooMany(total)) => match part_end(from, self.now, total.div_ceil(most)) {
                    None => self.read(Extent::since(from), ApiCounts::default()).await?,
                    Some(until) => {
                        let part = Extent { from, until: Some(until), status: None };
                        let (staging, summary) = self.read(part, ApiCounts::default()).await?;
                        // Where bounds are paid no heed to, each part would be the whole window.
                        let is_short = summary.beyond.is_none() && summary.rows < total;
                        if summary.is_unbounded || is_short || !meets(earlier.as_ref(), &summary) {
                            return self.whole_window(total).await;
                        }
                        let facts = earlier.map_or_else(|| self.facts(identity), |part| part.facts);
                        let beyond = summary.beyond;
                        let ended = Timestamp::from_millis(self.clock.now_millis());
                        parts.merge(summary);
                        let odd = std::mem::take(&mut parts.odd);
                        let (rows, rejected) = (parts.rows, parts.rejected.clone());
                        let part = FirstSync { facts, until, beyond, ended, rows, rejected };
                        self.commit_part(staging, odd, part).await?;
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
            return self.complete(staging, summary, parts, earlier.facts.begun).await;
        }
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

    /// How far earlier polls or an earlier process came, if that is good to go on from.
    fn earlier_parts(&self, identity: &str) -> Option<FirstSync> {
        let part = self.books.lock().ledger().first_sync().cloned()?;
        let pause = self.now.millis().saturating_sub(part.ended.millis());
        let goes_on = part.facts.identity == identity
            && part.facts.window_start <= self.window_start
            && part.until > self.window_start
            && pause <= MAX_PAUSE_MILLIS;
        goes_on.then_some(part)
    }

    /// Number of records that the parts have read.
    fn known(&self) -> u64 {
        self.books.lock().ledger().shown_since(self.window_start)
    }

    /// The last part is read: what was in flight in the others is read again.
    async fn complete(
        &self,
        mut staging: Staging,
        mut summary: ReadSummary,
        parts: ReadSummary,
        since: Timestamp,
    ) -> Result<Polled, PollError> {
        let lists = Planner::lists(self.filter.status.is_some());
        let filter_fails =
            self.flights(&mut staging, &mut summary, lists, ApiCounts::default()).await?;
        summary.reported = self.count(Counted::All, self.window_start).await?;
        summary.merge(parts);
        summary.window_start = self.window_start;
        let known = {
            let books = self.books.lock();
            let known = books.ledger().shown_since(self.window_start);
            let more = books.ledger().pending(&staging).since(Counted::All, self.window_start);
            known.checked_add_signed(more)
        };
        summary.counts_right = summary.reported == known;
        Ok(Polled { filter_fails, ..Polled::everything(staging, summary, since) })
    }

    /// Reads everything anew, in one go, where there is something.
    async fn whole_window(&self, counted: u64) -> Result<Polled, PollError> {
        self.discard_parts().await?;
        self.progress.lock().go_on(0);
        let (staging, summary) =
            self.read(Extent::since(self.window_start), ApiCounts::default()).await?;
        if summary.rows == 0 && counted > 0 {
            return Err(SyncError::Vanished { total: counted }.into());
        }
        Ok(Polled::everything(staging, summary, self.now))
    }

    /// Starts the first sync again: its parts cannot be relied on.
    pub(super) async fn discard_parts(&self) -> Result<(), PollError> {
        let books = self.books.clone();
        let discarded = spawn_blocking(move || books.lock().discard_parts()).await;
        Ok(discarded.map_err(|_| Reason::BrokeOff)?.map_err(Reason::State)?)
    }

    async fn commit_part(
        &self,
        staging: Staging,
        odd: Anomalies,
        part: FirstSync,
    ) -> Result<(), PollError> {
        let books = self.books.clone();
        let taken = spawn_blocking(move || books.lock().take_part((staging, odd), part)).await;
        Ok(taken.map_err(|_| Reason::BrokeOff)?.map_err(Reason::State)?)
    }
}

/// Where one part ends the next one begins: what the one saw there first the other sees too.
/// Otherwise one of the two was told less than there is.
fn meets(earlier: Option<&FirstSync>, next: &ReadSummary) -> bool {
    let Some(earlier) = earlier else { return true };
    match (earlier.beyond, next.first) {
        (None, None) => true,
        (Some(seen), Some(first)) => first <= seen,
        _ => false,
    }
}

/// Where a part ends that is one of so many of what starts from `from` on, if it is worth it.
fn part_end(from: Timestamp, now: Timestamp, parts: u64) -> Option<Timestamp> {
    let rest = now.millis().saturating_sub(from.millis());
    let length = rest / i64::try_from(parts).unwrap_or(i64::MAX).max(1);
    let until = from.plus_millis(length).floor_to_second();
    (length >= MIN_PART_MILLIS && until < now).then_some(until)
}
