//! Replay of journal entries, which are checked before they are applied.

use super::Ledger;
use super::journal::Entry;
use super::packed::PackedRecord;
use super::poll_facts::FirstSync;
use super::symbols::LabelId;
use super::terms::TermId;

/// Maximum number of a name. A larger one is damage, and a table of that size would fill the
/// memory. It is more than that of the records of the largest window, each with five names.
const MAX_SYMBOL_NUMBER: u32 = 1 << 26;

impl Ledger {
    /// Applies an entry of a journal.
    ///
    /// # Errors
    ///
    /// The reason why the entry cannot be valid.
    pub(super) fn replay(&mut self, mut entry: Entry) -> Result<(), String> {
        match &mut entry {
            Entry::Poll(facts) | Entry::FirstSync(FirstSync { facts, .. }) => facts.hash_identity(),
            _ => {}
        }
        self.check(&entry)?;
        self.apply_entry(entry);
        Ok(())
    }

    /// Ends the replay of a journal.
    ///
    /// # Errors
    ///
    /// The reason why the entries together cannot be valid.
    pub(super) fn end_replay(&mut self) -> Result<(), String> {
        // A name that was defined again has released its earlier number, which nothing may use.
        // Otherwise the first answer with that number would panic.
        let used = self.used_names();
        if let Some(number) = used.labels().find(|number| !self.labels.contains(*number)) {
            return Err(format!("name {number} is used and has no text"));
        }
        if let Some(number) = used.terms().find(|number| !self.terms.contains(*number)) {
            return Err(format!("term {number} is used and has no text"));
        }
        // Records of an earlier format lack names. The next poll reads all of them again.
        if self.has_old_records {
            self.first_sync = None;
            if let Some(poll) = &mut self.last_poll {
                poll.parts.clear();
            }
        }
        self.end_changes();
        // A window that became empty while nothing ran would otherwise look as if it had never been
        // larger, and its file would stay as large as it was.
        self.note_size();
        Ok(())
    }

    /// Checks an entry of a journal. Without the check, a damaged file would cause wrong values, or
    /// a panic when the entry is used.
    fn check(&self, entry: &Entry) -> Result<(), String> {
        if let Entry::RecordV1(record) = entry {
            return self.check(&Entry::Record((*record).into()));
        }
        let is_named = |label: LabelId| self.labels.contains(label.number());
        let is_term = |term: TermId| self.terms.contains(term.number());
        match entry {
            Entry::Label(number, _) | Entry::Term(number, _) if *number > MAX_SYMBOL_NUMBER => {
                Err(format!("name {number} is out of range"))
            }
            Entry::Label(number, _) if *number < LabelId::FIXED => {
                Err(format!("name {number} is fixed"))
            }
            Entry::Term(number, _) if *number < TermId::FIXED || *number > u32::from(u16::MAX) => {
                Err(format!("term {number} is fixed or out of range"))
            }
            Entry::Slot(value, _) => {
                let table = if value.label.is_term() { &self.terms } else { &self.labels };
                let has_text = table.contains(value.number);
                if has_text { Ok(()) } else { Err(format!("slot {} has no text", value.number)) }
            }
            Entry::Record(record) if !PackedRecord::is_lossless(record) => {
                Err("a record has a time that no API returns".to_owned())
            }
            Entry::Record(record)
                if !(record.labels().into_iter().all(is_named)
                    && is_term(record.status)
                    && is_term(record.record_type)) =>
            {
                Err("a record has a label without a text".to_owned())
            }
            Entry::DesktopName(desktop, _) if !is_named(*desktop) => {
                Err("a desktop has no id".to_owned())
            }
            // The number of buckets is that of the bounds: `observe` uses them by index.
            Entry::Counter(series, counter) => {
                let buckets = counter.histogram.as_ref().map_or(0, |h| h.buckets.len());
                let has_texts = series.labels().all(is_named) && series.terms().all(is_term);
                match (buckets == series.bounds().len(), has_texts) {
                    (false, _) => Err(format!("{series:?} has {buckets} buckets")),
                    (_, false) => Err(format!("{series:?} has a label without a text")),
                    (true, true) => Ok(()),
                }
            }
            Entry::Native(series, native) => {
                let counter = self.counters.get(series);
                let is_whole = counter.is_some_and(|counter| {
                    counter.histogram.is_some() && counter.count == native.count().into()
                });
                if is_whole { Ok(()) } else { Err(format!("{series:?} has other native buckets")) }
            }
            Entry::Held(series, hold) => self.check(&Entry::Counter(*series, hold.shown.clone())),
            Entry::Exemplar(series, _) if !self.counters.contains_key(series) => {
                Err(format!("{series:?} was not counted"))
            }
            _ => Ok(()),
        }
    }
}
