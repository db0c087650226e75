//! What a complete poll means: the difference between what was known and what it read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Ledger;
use super::cardinality::{CardinalityLimit, LabelLimits, Limited, SlotChange, Value};
use super::counters::{Counters, Counting, Exemplar, Series};
use super::failures::{FailureDetails, Failures, is_failed};
use super::frame::{Entry, FirstSync, PollFacts};
use super::record::{Mark, StoredRecord};
use super::staging::{MAX_STALE_READS, Staging, StaleReads};
use super::symbols::LabelId;
use super::table::Table;
use super::terms::TermId;
use records_api::record::{RecordKey, Status, Timestamp};

/// Everything that one commit writes.
#[derive(Debug)]
pub struct Transition {
    pub(super) slots: Vec<(Value, SlotChange)>,
    /// Records that are new or changed, with their marks.
    pub(super) records: Table,
    pub(super) hidden: Vec<RecordKey>,
    /// Details of failed records that are new or changed.
    pub(super) failures: Vec<Arc<FailureDetails>>,
    pub(super) counters: Counters,
    pub(super) poll: PollFacts,
    /// The part of the first sync that this is, if it is no complete poll.
    pub(super) part: Option<FirstSync>,
    pub(super) stale_reads: StaleReads,
}

impl Transition {
    /// What a journal keeps of it.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let slots = self.slots.iter().map(|(value, change)| Entry::Slot(*value, *change));
        let records = self.records.iter().map(Entry::Record);
        let hidden = self.hidden.iter().map(|key| Entry::Hidden(*key));
        let counters = self.counters.iter().flat_map(|(series, c)| Entry::of(*series, c));
        let failures = self.failures.iter().map(|details| Entry::Failure((**details).clone()));
        let poll = std::iter::once(match &self.part {
            Some(part) => Entry::FirstSync(part.clone()),
            None => Entry::Poll(self.poll.clone()),
        });
        slots.chain(records).chain(hidden).chain(counters).chain(failures).chain(poll)
    }

    /// What the series that changed stand at.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The poll that found it.
    pub fn poll(&self) -> &PollFacts {
        &self.poll
    }

    /// Whether a user or a pool is shown as itself from now on.
    pub fn gives_slot(&self, (limited, label): (Limited, LabelId)) -> bool {
        let value = (limited, label.number());
        self.slots
            .iter()
            .any(|(other, change)| *other == value && matches!(change, SlotChange::Held(_)))
    }
}

impl Ledger {
    /// Compares a part of the first sync with what is known. Nothing is counted: that begins with
    /// the first complete poll.
    pub fn diff_part(&self, staging: Staging, part: FirstSync, limits: LabelLimits) -> Transition {
        let changes = self.diff(staging, part.facts.clone(), limits);
        Transition { part: Some(part), ..changes }
    }

    /// Compares a complete poll with what is known. Nothing changes yet.
    ///
    /// A record that is new, or whose status is another one, has entered that status: counted
    /// once, here. Not counted is a new record that may have been there before counting began: all
    /// of the first poll, and of the first one under another identity (project, endpoint, filter);
    /// and what starts before the window of the last poll, neither now nor when it leaves again.
    pub fn diff(&self, staging: Staging, poll: PollFacts, limits: LabelLimits) -> Transition {
        let last = self.last_poll.as_ref();
        let is_baseline = last.is_none_or(|last| last.identity != poll.identity);
        let is_before =
            |record: &StoredRecord| last.is_some_and(|last| record.start < last.window_start);
        let counting_since = last.map_or(poll.counting_since, |last| last.counting_since);
        let hidden = self.hidden(&staging);
        // What was not read again is as doubtful as it was.
        let kept = self.stale_reads.iter().filter(|(key, doubted)| {
            doubted.start >= poll.window_start && !staging.has_read(self, **key)
        });
        let kept = kept.take(MAX_STALE_READS.saturating_sub(staging.stale_reads.len()));
        let mut stale_reads = staging.stale_reads.clone();
        stale_reads.extend(kept);
        let slot_changes = self.slots.changes(
            &self.wanted_slots(&staging.staged),
            |value| self.totals.contains(value),
            limits,
            poll.begun,
        );
        let mut slots = self.slots.clone();
        for (value, change) in &slot_changes {
            slots.take(*value, *change);
        }
        let mut counting = Counting::new(&self.counters, poll.begun);
        let mut records = staging.staged;
        let mut begun = BTreeSet::new();
        // What was folded until now, since there are slots again, need not have changed.
        let unfolded: BTreeSet<_> = self.folded_values().filter(|v| slots.holds(*v)).collect();
        if !unfolded.is_empty() {
            for record in self.shown().filter(|r| values_of(r).any(|v| unfolded.contains(&v))) {
                Shown::of(&record, &slots).begin(&mut counting);
            }
        }
        records.change_all(|record| {
            let shown = Shown::of(record, &slots);
            if begun.insert((shown.record_type, shown.pool, shown.user)) {
                shown.begin(&mut counting);
            }
            let known = self.table.get(record.key);
            // What the parts of the first sync have read is as new as the rest.
            let is_before = known.is_none() && is_before(record);
            let is_baseline = last.is_none() || is_before || known.is_none() && is_baseline;
            if is_before {
                record.set(Mark::Returned, true);
            }
            if known.is_none() && !is_baseline {
                counting.count(Series::Seen(shown.record_type, shown.pool));
            }
            if !is_baseline && known.is_none_or(|known| known.status != record.status) {
                let exemplar =
                    is_failed(record).then(|| self.exemplar(&staging.failures, record, poll.begun));
                let exemplar = exemplar.flatten();
                let entered = Series::Entered(shown.status, shown.record_type, shown.pool);
                counting.count_record(entered, exemplar.as_ref());
                let entered = Series::UserEntered(shown.user, shown.status);
                counting.count_record(entered, exemplar.as_ref());
                record.set(Mark::Counted, true);
            }
            let status = record.status.status();
            if status.is_some_and(Status::is_settled) && !record.has(Mark::Settled) {
                record.set(Mark::Settled, true);
                if let Some(size) = record.size_bytes().filter(|_| !is_baseline) {
                    counting.observe(Series::FileSize(shown.record_type), size);
                }
                if let Some(seconds) = record.duration_seconds().filter(|_| !is_baseline) {
                    counting.observe(Series::VideoDuration(shown.record_type), seconds.into());
                }
            }
            if status == Some(Status::UploadCompleted) && !record.has(Mark::Uploaded) {
                record.set(Mark::Uploaded, true);
                let delay = staging.upload_delays.get(&record.key).filter(|_| !is_baseline);
                if let Some(delay) = delay {
                    counting.observe(Series::UploadDelay(shown.record_type), *delay);
                }
            }
        });
        let beginning = Timestamp::from_millis(i64::MIN + 1);
        for (_, record) in self.table.range(beginning, Some(poll.window_start)) {
            let in_flight = record.status.status().is_some_and(Status::is_in_flight);
            // One that was read with another start stays.
            let leaves = records.position(record.key).is_none();
            let counts = leaves && record.is_shown() && !record.has(Mark::Returned);
            if in_flight && counts && last.is_some() {
                counting.count(Series::Expired(record.status, slots.pool(record.pool)));
            }
        }
        let failures = self.new_failures(&staging.failures, (&records, &hidden), poll.window_start);
        Transition {
            slots: slot_changes,
            records,
            hidden,
            failures,
            counters: counting.changed(),
            poll: PollFacts { counting_since, ..poll },
            part: None,
            stale_reads,
        }
    }

    /// A failed record that is counted, if its id is among those that are kept.
    fn exemplar(
        &self,
        read: &Failures,
        record: &StoredRecord,
        at: Timestamp,
    ) -> Option<Arc<Exemplar>> {
        let id = read.id_of(record.key).or_else(|| self.failures.id_of(record.key))?;
        Some(Arc::new(Exemplar { record_id: id.into(), at }))
    }

    /// What the API shows no longer: known, shown, and not in what was read where it lies.
    pub(super) fn hidden(&self, staging: &Staging) -> Vec<RecordKey> {
        let mut hidden = Vec::new();
        for (from, until) in &staging.covered {
            for (position, record) in self.table.range(*from, *until) {
                if record.is_shown()
                    && !staging.is_seen(position)
                    && staging.staged.position(record.key).is_none()
                {
                    hidden.push(record.key);
                }
            }
        }
        hidden.sort_unstable();
        hidden.dedup();
        hidden
    }

    /// Values of staged records, and those that are folded, in the order in which they are served: by
    /// their text, so that it does not depend on the order of reading.
    fn wanted_slots(&self, staged: &Table) -> Vec<Value> {
        let mut wanted: BTreeSet<_> = self.folded_values().collect();
        for record in staged.iter() {
            wanted.extend(values_of(&record));
        }
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_by_key(|(limited, number)| (*limited, self.text_of(*limited, *number)));
        wanted
    }
}

/// The limited values of a record, but for those that always have a label.
pub(super) fn values_of(record: &StoredRecord) -> impl Iterator<Item = Value> + use<> {
    let labels = [(Limited::User, record.user), (Limited::Pool, record.pool)];
    let words = [(Limited::Status, record.status), (Limited::Type, record.record_type)];
    let labels =
        labels.into_iter().filter(|(_, label)| !label.is_fixed()).map(|(l, v)| (l, v.number()));
    let words =
        words.into_iter().filter(|(_, word)| !word.is_fixed()).map(|(l, v)| (l, v.number()));
    labels.chain(words)
}

/// The labels under which a record is shown.
struct Shown {
    status: TermId,
    record_type: TermId,
    pool: LabelId,
    user: LabelId,
}

impl Shown {
    fn of(record: &StoredRecord, slots: &CardinalityLimit) -> Self {
        Self {
            status: slots.status(record.status),
            record_type: slots.record_type(record.record_type),
            pool: slots.pool(record.pool),
            user: slots.user(record.user),
        }
    }

    /// Lets the series of these labels begin at 0: an increase from nothing is none.
    fn begin(&self, counting: &mut Counting<'_>) {
        counting.begin(Series::Seen(self.record_type, self.pool));
        for status in Status::ALL {
            counting.begin(Series::Entered(status.into(), self.record_type, self.pool));
            counting.begin(Series::UserEntered(self.user, status.into()));
            if status.is_in_flight() {
                counting.begin(Series::Expired(status.into(), self.pool));
            }
        }
        counting.begin(Series::FileSize(self.record_type));
        counting.begin(Series::VideoDuration(self.record_type));
        counting.begin(Series::UploadDelay(self.record_type));
    }
}
