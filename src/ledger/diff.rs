//! Comparison of the ledger with a complete poll. Changes nothing.
//!
//! A record that is new, or whose status differs from the known one, has entered its status. The
//! entry is counted here, once. `Diff::is_baseline` names the exceptions.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Ledger;
use super::cardinality::{CardinalityLimit, LabelLimits, LabelValue, LimitedLabel};
use super::counters::{CounterUpdates, Exemplar, Series};
use super::failures::{Failures, is_failed};
use super::kept_names::KeptNames;
use super::poll_facts::{FirstSync, PollFacts};
use super::record::{Flag, StoredRecord};
use super::staging::{Staging, renumber};
use super::stale_reads::{MAX_STALE_READS, StaleReads};
use super::symbols::LabelId;
use super::table::Table;
use super::terms::TermId;
use super::transition::{SyncProgress, Transition};
use super::value_texts::ValueTexts;
use records_api::record::{RecordKey, Status, TimeRange, Timestamp};

impl Ledger {
    /// Compares a part of the first sync with the ledger. Nothing is counted before the first
    /// complete poll (see `Diff::is_baseline`).
    pub fn diff_part(&self, staging: Staging, part: FirstSync, limits: LabelLimits) -> Transition {
        let transition = self.diff(staging, part.facts.clone(), limits);
        Transition { progress: SyncProgress::Part(part), ..transition }
    }

    /// Compares a complete poll with the ledger.
    pub fn diff(&self, staging: Staging, poll: PollFacts, limits: LabelLimits) -> Transition {
        let hidden = self.hidden(&staging);
        let kept_stale_reads = self.kept_stale_reads(&staging, poll.window_start);
        let Staging {
            staged: mut records, mut stale_reads, missing_statuses, desktop_names, ..
        } = staging;
        // Only names that a record still refers to get a number. Otherwise a name that a later page
        // replaced would be written and kept.
        let mut labels = staging.new_labels.assign(&self.labels, u32::MAX);
        let mut terms = staging.new_terms.assign(&self.terms, u16::MAX.into());
        let mut number = |record: &mut StoredRecord| {
            *record = renumber(*record, |n| labels.number(n), |n| terms.number(n));
        };
        records.change_all(&mut number);
        stale_reads.values_mut().for_each(number);
        stale_reads.extend(kept_stale_reads);
        let desktop_names = self.changed_desktop_names(desktop_names, &labels);
        let (labels, terms) = (labels.used(), terms.used());

        let texts = ValueTexts::new(self, &labels, &terms);
        let wanted = self.wanted_slots(&records, &texts);
        let is_present = |value| self.totals.contains(value);
        let text = |value| texts.of(value);
        let slot_changes = self.slots.changes(&wanted, is_present, text, limits, poll.begun);
        // Events are counted under the labels that are exposed after the commit. With the slots
        // before it, the first events of a new user would be counted as `_other`.
        let mut slots = self.slots.clone();
        for (value, change) in &slot_changes {
            slots.apply(*value, *change);
        }

        let mut diff = Diff {
            ledger: self,
            slots,
            updates: CounterUpdates::new(&self.counters, poll.begun),
            created: BTreeSet::new(),
            poll: &poll,
            read_failures: &staging.failures,
            upload_delays: &staging.upload_delays,
        };
        diff.create_unfolded();
        records.change_all(|record| diff.record(record));
        diff.expired(&records);
        let counters = diff.updates.into_changed();

        let failures =
            self.failures_to_commit(&staging.failures, &records, &hidden, poll.window_start);
        // Counting began with the first complete poll; later ones keep its time.
        let last = self.last_poll.as_ref();
        let counting_since = last.map_or(poll.counting_since, |last| last.counting_since);
        let progress = SyncProgress::Poll(PollFacts { counting_since, ..poll });
        let slots = slot_changes;
        Transition {
            labels,
            terms,
            desktop_names,
            slots,
            records,
            hidden,
            counters,
            failures,
            progress,
            stale_reads,
            missing_statuses,
        }
    }

    /// Returns the keys of the records that the API no longer lists: known, listed before, within a
    /// range that was read completely, and not read.
    pub(super) fn hidden(&self, staging: &Staging) -> Vec<RecordKey> {
        let mut hidden = Vec::new();
        for range in &staging.covered {
            for (position, record) in self.table.range(*range) {
                if record.is_shown()
                    && !staging.is_seen(position)
                    && staging.staged.position(record.key).is_none()
                {
                    hidden.push(record.key);
                }
            }
        }
        // Ranges may overlap, and `failures_to_commit` searches the keys by bisection.
        hidden.sort_unstable();
        hidden.dedup();
        hidden
    }

    /// Returns the stale reads of earlier polls whose records this poll did not read again. Most
    /// polls read only some records: without these, a stale read could be repeated only by the next
    /// poll.
    fn kept_stale_reads(&self, staging: &Staging, window_start: Timestamp) -> StaleReads {
        let room = MAX_STALE_READS.saturating_sub(staging.stale_reads.len());
        let kept = self
            .stale_reads
            .iter()
            .filter(|(key, read)| read.start >= window_start && !staging.has_read(self, **key));
        kept.take(room).map(|(key, read)| (*key, *read)).collect()
    }

    /// Returns the label values that want a slot: those of staged records, and folded ones. They
    /// are in the order of their texts. In the order of reading, the same records could give the
    /// slots to other values, depending on how pages arrived.
    fn wanted_slots(&self, staged: &Table, texts: &ValueTexts<'_>) -> Vec<LabelValue> {
        let mut wanted: BTreeSet<_> = self.folded_values().collect();
        for record in staged.iter() {
            wanted.extend(values_of(&record));
        }
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_by_key(|value| (value.label, texts.of(*value)));
        wanted
    }
}

/// State of a comparison: sets the flags of the transition's records, and counts events.
struct Diff<'d> {
    ledger: &'d Ledger,
    /// The slots after the transition.
    slots: CardinalityLimit,
    updates: CounterUpdates<'d>,
    /// Label sets whose series were created already by this comparison.
    created: BTreeSet<(TermId, LabelId, LabelId)>,
    poll: &'d PollFacts,
    read_failures: &'d Failures,
    upload_delays: &'d HashMap<RecordKey, u64>,
}

impl Diff<'_> {
    /// Creates the series of label values that were folded and now have a slot. Their records may
    /// be unchanged, and then [`Self::record`] does not see them: the series would appear with
    /// their first event, which `increase()` misses.
    fn create_unfolded(&mut self) {
        let folded = self.ledger.folded_values();
        let unfolded: BTreeSet<_> = folded.filter(|value| self.slots.holds(*value)).collect();
        if unfolded.is_empty() {
            return;
        }
        for record in self.ledger.shown() {
            if values_of(&record).any(|value| unfolded.contains(&value)) {
                let labels = Labels::of(&record, &self.slots);
                labels.create(&mut self.updates, self.ledger.kept);
            }
        }
    }

    /// Counts the events of a staged record, and sets its flags.
    fn record(&mut self, record: &mut StoredRecord) {
        let labels = Labels::of(record, &self.slots);
        if self.created.insert((labels.record_type, labels.pool, labels.user)) {
            labels.create(&mut self.updates, self.ledger.kept);
        }
        let known = self.ledger.table.get(record.key);
        let is_baseline = self.is_baseline(record, known.as_ref());
        if known.is_none() && self.starts_before_last_window(record) {
            // The window became longer, and an earlier poll may have counted that the record left
            // the shorter one in flight. Without the flag it would be counted again.
            record.set(Flag::StartedBeforeWindow, true);
        }
        if known.is_none() && !is_baseline {
            self.updates.increment(Series::Seen(labels.record_type, labels.pool));
        }
        if !is_baseline && known.is_none_or(|known| known.status != record.status) {
            self.enter(record, &labels);
        }
        self.observe(record, &labels, is_baseline);
    }

    /// Returns whether a record may have been in its status before counting began. Its entry is not
    /// counted, otherwise old failures would be reported as new ones. This applies to
    ///
    /// * every record of the first complete poll;
    /// * a new record of the first poll with another identity (project, endpoint or filter). A
    ///   record that is known was read in its earlier status, so a change of it is counted;
    /// * a new record that starts before the window of the last poll: the window became longer;
    /// * a record of these that was never read with a status before.
    fn is_baseline(&self, record: &StoredRecord, known: Option<&StoredRecord>) -> bool {
        let Some(last) = &self.ledger.last_poll else { return true };
        let is_other = last.identity != self.poll.identity;
        match known {
            Some(known) => known.status == TermId::NONE && !known.has(Flag::Counted),
            None => is_other || self.starts_before_last_window(record),
        }
    }

    /// Returns whether a record starts before the window of the last poll.
    fn starts_before_last_window(&self, record: &StoredRecord) -> bool {
        let last = self.ledger.last_poll.as_ref();
        last.is_some_and(|last| record.start < last.window_start)
    }

    /// Counts the entry of a record into its status.
    fn enter(&mut self, record: &mut StoredRecord, labels: &Labels) {
        record.set(Flag::Counted, true);
        // A record that was never read with a status has entered none.
        if record.status == TermId::NONE {
            return;
        }
        let exemplar = is_failed(record).then(|| self.exemplar(record)).flatten();
        let entered = Series::Entered(labels.status, labels.record_type, labels.pool);
        self.updates.increment_with_exemplar(entered, exemplar.as_ref());
        if record.status.status() == Some(Status::UploadCompleted) {
            let bytes = Series::UploadedBytes(labels.record_type, labels.pool);
            self.updates.add(bytes, record.size_bytes().unwrap_or(0));
            let seconds = Series::UploadedSeconds(labels.record_type, labels.pool);
            self.updates.add(seconds, record.duration_seconds().unwrap_or(0).into());
        }
        if self.ledger.kept.has_users() {
            let entered = Series::UserEntered(labels.user, labels.status);
            self.updates.increment_with_exemplar(entered, exemplar.as_ref());
        }
    }

    /// Observes a record in the histograms. A flag for each observation keeps a retried upload from
    /// being observed twice. A record of the baseline gets the flags without an observation: it was
    /// settled before counting began, so a later retry must not be observed either.
    fn observe(&mut self, record: &mut StoredRecord, labels: &Labels, is_baseline: bool) {
        let status = record.status.status();
        if status.is_some_and(Status::is_settled) && !record.has(Flag::Settled) {
            record.set(Flag::Settled, true);
            if let Some(size) = record.size_bytes().filter(|_| !is_baseline) {
                self.updates.observe(Series::FileSize(labels.record_type), size);
            }
            if let Some(seconds) = record.duration_seconds().filter(|_| !is_baseline) {
                self.updates.observe(Series::VideoDuration(labels.record_type), seconds.into());
            }
        }
        if status == Some(Status::UploadCompleted) && !record.has(Flag::Uploaded) {
            record.set(Flag::Uploaded, true);
            let delay = self.upload_delays.get(&record.key).filter(|_| !is_baseline);
            if let Some(delay) = delay {
                self.updates.observe(Series::UploadDelay(labels.record_type), *delay);
            }
        }
    }

    /// Counts the records that leave the window in flight.
    fn expired(&mut self, staged: &Table) {
        // Counting has not begun: parts of a first sync count nothing.
        if self.ledger.last_poll.is_none() {
            return;
        }
        let beginning = Timestamp::from_millis(i64::MIN + 1);
        for (_, record) in
            self.ledger.table.range(TimeRange::new(beginning, self.poll.window_start))
        {
            let is_in_flight = record.status.status().is_some_and(Status::is_in_flight);
            // A record whose start moved into the window was read again and stays. Counted here, it
            // would be counted a second time when it leaves.
            let leaves = staged.position(record.key).is_none();
            if is_in_flight && leaves && record.is_shown() && !record.has(Flag::StartedBeforeWindow)
            {
                let pool = self.slots.pool(record.pool);
                self.updates.increment(Series::Expired(record.status, pool));
            }
        }
    }

    /// Returns the exemplar for a failed record, if its id is among the details that are kept. The
    /// table holds only the hash of an id.
    fn exemplar(&self, record: &StoredRecord) -> Option<Arc<Exemplar>> {
        let known = || self.ledger.failures.id_of(record.key);
        let id = self.read_failures.id_of(record.key).or_else(known)?;
        Some(Arc::new(Exemplar { record_id: id.into(), at: self.poll.begun }))
    }
}

/// Returns the limited label values of a record, without fixed ones, which take no slot.
pub(super) fn values_of(record: &StoredRecord) -> impl Iterator<Item = LabelValue> + use<> {
    let labels = [
        (LimitedLabel::User, record.user),
        (LimitedLabel::Pool, record.pool),
        (LimitedLabel::Bucket, record.bucket),
        (LimitedLabel::Policy, record.policy),
    ];
    let terms = [(LimitedLabel::Status, record.status), (LimitedLabel::Type, record.record_type)];
    let labels = labels.into_iter().filter(|(_, id)| !id.is_fixed());
    let terms = terms.into_iter().filter(|(_, id)| !id.is_fixed());
    let labels = labels.map(|(label, id)| LabelValue::of(label, id));
    labels.chain(terms.map(|(label, id)| LabelValue { label, number: id.number() }))
}

/// Exposed labels of a record's series, after folding.
struct Labels {
    status: TermId,
    record_type: TermId,
    pool: LabelId,
    user: LabelId,
}

impl Labels {
    fn of(record: &StoredRecord, slots: &CardinalityLimit) -> Self {
        Self {
            status: slots.status(record.status),
            record_type: slots.record_type(record.record_type),
            pool: slots.pool(record.pool),
            user: slots.user(record.user),
        }
    }

    /// Creates all series of these labels at 0. `increase()` does not see the first event of a
    /// series that is created by it.
    fn create(&self, updates: &mut CounterUpdates<'_>, kept: KeptNames) {
        updates.create(Series::Seen(self.record_type, self.pool));
        for status in Status::ALL {
            updates.create(Series::Entered(status.into(), self.record_type, self.pool));
            if kept.has_users() {
                updates.create(Series::UserEntered(self.user, status.into()));
            }
            if status.is_in_flight() {
                updates.create(Series::Expired(status.into(), self.pool));
            }
        }
        updates.create(Series::UploadedBytes(self.record_type, self.pool));
        updates.create(Series::UploadedSeconds(self.record_type, self.pool));
        updates.create(Series::FileSize(self.record_type));
        updates.create(Series::VideoDuration(self.record_type));
        updates.create(Series::UploadDelay(self.record_type));
    }
}
