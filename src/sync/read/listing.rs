//! One ordered listing, read page by page: what proves that no row was missed.
//!
//! A listing is the API's answer to one lower bound, sorted by start. Positions in it are offsets.
//! Three things keep the reading honest:
//!
//! * **Overlap.** A page begins a few rows before the last row read. If its first row starts after
//!   that row, rows have moved and a part was skipped: [`Step::Gap`].
//! * **Groups.** Records of equal start may come in another order each time. But where their group
//!   begins and ends is fixed by the sort, so their number is known: when fewer different ids were
//!   seen, some are missing: [`Step::Incomplete`]. Only a group that spans pages can suffer.
//! * **The end** is an empty page behind everything that was read, or a page that brings nothing
//!   beyond the overlap where the count says the same. A short page alone proves nothing, since a
//!   server may grant less than was asked for; nor does a count alone, which may be wrong.

use crate::sync::error::SyncError;
use crate::sync::read::clamp::ClampDetector;
use crate::sync::read::ties::{
    Group, GroupMemory, KeySet, PageRef, RowRef, check_order, last_group,
};
use records_api::record::Timestamp;

/// The state of one listing.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Listing {
    /// The lower bound that is sent.
    pub(in crate::sync) bound: Timestamp,
    /// Positions read: everything before this one.
    pub(in crate::sync) received: u64,
    /// Rows that began before the bound: what an API that compares intervals shows first.
    pub(in crate::sync) before_bound: u64,
    /// The last group of equal starts read, which may go on in the next page.
    pub(in crate::sync) tail: Option<Group>,
    /// Rows of the last page, by which the overlap is chosen.
    last_page: usize,
    /// Notices a clamped limit.
    pub(in crate::sync) clamp: ClampDetector,
    /// Nothing came beyond the overlap: the next page begins behind it, to see whether that is all.
    checks_end: bool,
    /// Proves that this listing takes up where an earlier one was left, once it was seen.
    anchor: Option<Anchor>,
    stalled_pages: u32,
    /// The highest position that was ever read: what lies before it counts no more.
    highest_position: u64,
    /// The group that it was set back to, to read it again.
    reading_again: Option<Timestamp>,
    /// Whether a group was read again because its order was in doubt. If it is once more, the
    /// order changes by itself.
    reread_group: bool,
}

/// One of these ids must come before anything that starts later.
#[derive(Debug, Clone)]
struct Anchor {
    start: Timestamp,
    ids: KeySet,
}

/// What a page did for a listing.
#[derive(Debug)]
pub(in crate::sync) enum Step {
    /// There is more to read.
    Advanced,
    /// Everything that starts before the upper edge, or everything there is, was read.
    Done,
    /// Rows moved: some may have been skipped.
    Gap,
    /// This page settles nothing: it continues a group otherwise than expected, so that rows moved
    /// or the order changes by itself; or it may be the end or not. Another one will show.
    Undecided,
    /// Some ids of a group never came.
    Incomplete {
        /// The group as far as it was seen.
        group: Group,
        /// How many records it has.
        expected: u64,
    },
    /// The listing does not take up where the earlier one was left.
    NotConnected,
}

/// Pages without anything new that are borne with: rows inserted behind the reader shift those
/// already read into them.
const STALLED_PAGES: u32 = 12;
/// The same where pages have one row. They cannot overlap, so in a group whose order changes each
/// one may be known already, up to the end of the group.
const STALLED_SINGLE_ROWS: u32 = 300;
/// Rows that pages share at most; else a fiftieth.
const MAX_OVERLAP: u64 = 20;

impl Listing {
    pub(in crate::sync) fn new(bound: Timestamp) -> Self {
        Self {
            bound,
            received: 0,
            before_bound: 0,
            tail: None,
            last_page: 0,
            clamp: ClampDetector::default(),
            checks_end: false,
            anchor: None,
            stalled_pages: 0,
            highest_position: 0,
            reading_again: None,
            reread_group: false,
        }
    }

    /// A listing that must show one of `ids` before anything that starts after `start`.
    pub(in crate::sync) fn continuing(bound: Timestamp, start: Timestamp, ids: KeySet) -> Self {
        Self { anchor: Some(Anchor { start, ids }), ..Self::new(bound) }
    }

    /// The offset of the next page.
    pub(in crate::sync) fn next_offset(&self) -> u64 {
        self.received.saturating_sub(self.overlap())
    }

    /// Whether it has proven that it takes up where an earlier one was left, if it must.
    pub(in crate::sync) fn is_connected(&self) -> bool {
        self.anchor.is_none()
    }

    /// Goes back to the beginning of a group, to read it again.
    pub(in crate::sync) fn go_back_to(&mut self, group: &Group) {
        self.received = group.first_position;
        self.reading_again = Some(group.start);
        self.tail = None;
    }

    fn overlap(&self) -> u64 {
        match self.last_page {
            _ if self.checks_end => 0,
            0 | 1 => 0,
            rows => (rows as u64 / 50).clamp(1, MAX_OVERLAP),
        }
    }

    /// Takes the page at [`Self::next_offset`]. `memory` holds what earlier readings of one group
    /// showed. Also returns the index of the first row that no earlier page or listing showed.
    pub(in crate::sync) fn take(
        &mut self,
        page: &PageRef<'_>,
        until: Option<Timestamp>,
        memory: Option<&GroupMemory>,
    ) -> Result<(Step, usize), SyncError> {
        let PageRef { rows, total_count, .. } = *page;
        check_order(rows)?;
        let (offset, overlap) = (self.next_offset(), self.overlap());
        if std::mem::take(&mut self.checks_end) && !rows.is_empty() {
            // The page before was cut short by the server. Go on with an overlap that fits.
            self.note_progress(false, rows.len())?;
            return Ok((Step::Undecided, rows.len()));
        }
        if self.has_gap(rows, overlap) {
            return Ok((Step::Gap, rows.len()));
        }
        let anchor_start = self.anchor.as_ref().map(|anchor| anchor.start);
        if let Some(step) = self.connect(rows) {
            return Ok((step, rows.len()));
        }
        let end = offset + rows.len() as u64;
        let already_read = self.received;
        let is_first = self.tail.is_none();
        let after_tail = self.extend_tail(rows, offset);
        if let Some(tail) = self.tail.take_if(|tail| tail.is_shuffled && !self.reread_group) {
            self.reread_group = true;
            self.go_back_to(&tail);
            return Ok((Step::Undecided, rows.len()));
        }
        let new_from = if is_first { 0 } else { after_tail.first_new.unwrap_or(rows.len()) };
        let has_new_rows = new_from < rows.len();
        // Where this page first says something that no earlier listing said.
        let first_unlisted = match anchor_start {
            None => new_from,
            Some(last) => rows
                .iter()
                .position(|row| row.is_some_and(|row| row.start > last))
                .unwrap_or(rows.len()),
        };
        let uncounted =
            usize::try_from(self.highest_position.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.before_bound +=
            rows.iter().skip(uncounted).flatten().take_while(|row| row.start < self.bound).count()
                as u64;
        self.highest_position = self.highest_position.max(end);
        self.received = already_read.max(end);

        if let Some(close) = after_tail.closes_at {
            if let Some(step) = self.check_tail(offset + close as u64, memory) {
                return Ok((step, first_unlisted));
            }
            self.tail = Some(last_group(&rows[close..], offset + close as u64));
        } else if self.tail.is_none() && rows.iter().any(Option::is_some) {
            let first = rows.iter().position(Option::is_some).unwrap_or(0);
            self.tail = Some(last_group(&rows[first..], offset + first as u64));
        }
        if until.is_some_and(|until| rows.iter().flatten().any(|row| row.start >= until)) {
            return Ok((Step::Done, first_unlisted));
        }
        let is_overlap = !has_new_rows && rows.len() as u64 <= overlap;
        if is_overlap && !rows.is_empty() && total_count != Some(self.received) {
            self.checks_end = true;
            return Ok((Step::Undecided, first_unlisted));
        }
        if is_overlap || rows.is_empty() {
            let step = self.check_tail(self.received, memory);
            let done = if self.is_connected() { Step::Done } else { Step::NotConnected };
            return Ok((step.unwrap_or(done), first_unlisted));
        }
        if !has_new_rows && self.repeats_whole_list(page, already_read) {
            return Ok((Step::Done, first_unlisted));
        }
        self.note_progress(has_new_rows, rows.len())?;
        Ok((Step::Advanced, first_unlisted))
    }

    /// Whether this is a server that knows no offset and gives everything in every answer, as it
    /// says itself: fewer rows than were asked for, all that it counts, the same again. A count of
    /// the page's own rows says the same, and a single row may come again by chance where the order
    /// changes, so that one has to insist.
    fn repeats_whole_list(&self, page: &PageRef<'_>, already_read: u64) -> bool {
        let rows = page.rows.len();
        let insists = rows > 1 || self.stalled_pages + 1 >= STALLED_PAGES;
        rows < page.limit as usize
            && page.total_count == Some(rows as u64)
            && page.total_count == Some(already_read)
            && insists
    }

    /// Whether a count that is known to be right says that this is all, and nothing is missing.
    pub(in crate::sync) fn is_complete_by_count(&self, total_count: Option<u64>) -> bool {
        total_count == Some(self.received)
            && self.is_connected()
            && self.check_tail(self.received, None).is_none()
    }

    fn note_progress(&mut self, has_new_rows: bool, rows: usize) -> Result<(), SyncError> {
        self.last_page = rows;
        self.reading_again = None;
        self.stalled_pages = if has_new_rows { 0 } else { self.stalled_pages + 1 };
        let most = if rows == 1 { STALLED_SINGLE_ROWS } else { STALLED_PAGES };
        if self.stalled_pages > most {
            return Err(SyncError::Stuck { offset: self.next_offset() });
        }
        Ok(())
    }

    /// The sort makes everything contiguous from a row that starts no later than the last one
    /// read; a page that begins later leaves a gap. Rejected rows in the overlap prove nothing.
    fn has_gap(&self, rows: &[Option<RowRef>], overlap: u64) -> bool {
        if self.next_offset() == 0 {
            return false;
        }
        if overlap == 0 {
            // Pages of one row cannot overlap, but going back is no sort either.
            let first = rows.iter().flatten().next();
            let tail = self.tail.as_ref();
            return first.zip(tail).is_some_and(|(row, tail)| row.start < tail.start);
        }
        if rows.is_empty() {
            return true;
        }
        let overlap = rows.len().min(usize::try_from(overlap).unwrap_or(usize::MAX));
        let Some(row) = rows[..overlap].iter().flatten().next() else { return false };
        match (&self.tail, self.reading_again) {
            (Some(tail), _) => row.start > tail.start,
            // A group is read again from the row before it on.
            (None, Some(group)) => row.start >= group,
            (None, None) => false,
        }
    }

    fn connect(&mut self, rows: &[Option<RowRef>]) -> Option<Step> {
        let Anchor { start, ids } = self.anchor.as_ref()?;
        for row in rows.iter().flatten() {
            if row.start > *start {
                return Some(Step::NotConnected);
            }
            if ids.contains(&row.key) {
                self.anchor = None;
                return None;
            }
        }
        None
    }

    /// Adds the rows of this page that belong to the tail.
    fn extend_tail(&mut self, rows: &[Option<RowRef>], offset: u64) -> AfterTail {
        let (received, overlap) = (self.received, self.overlap());
        let mut after_tail = AfterTail::default();
        let Some(tail) = &mut self.tail else { return after_tail };
        let mut page_ids = KeySet::default();
        for (index, row) in rows.iter().enumerate() {
            let position = offset + index as u64;
            let is_new_position = position >= received;
            let Some(RowRef { key, start, .. }) = row else {
                if is_new_position {
                    tail.excluded += 1;
                    after_tail.first_new.get_or_insert(index);
                }
                continue;
            };
            if *start > tail.start {
                after_tail.first_new.get_or_insert(index);
                after_tail.closes_at = Some(index);
                return after_tail;
            }
            if *start < tail.start {
                continue;
            }
            if (index as u64) < overlap && page_ids.is_empty() && !tail.ids.contains(key) {
                tail.is_shuffled = true;
            }
            if !page_ids.insert(*key) && is_new_position {
                tail.excluded += 1;
            }
            if is_new_position {
                tail.note(*key);
            }
            // In an order that changes, a page of known ids is progress too: positions are read.
            if tail.ids.insert(*key) || is_new_position && tail.is_shuffled {
                after_tail.first_new.get_or_insert(index);
            }
        }
        after_tail
    }

    /// Checks the tail, which ends before `position`.
    fn check_tail(&self, position: u64, memory: Option<&GroupMemory>) -> Option<Step> {
        let tail = self.tail.as_ref()?;
        let expected = position.saturating_sub(tail.first_position).saturating_sub(tail.excluded);
        let memory = memory.filter(|memory| memory.start == tail.start);
        if memory.is_some_and(|memory| memory.order_is_stable) {
            return None;
        }
        let seen = match memory {
            None => tail.ids.len(),
            Some(memory) => tail.ids.union(&memory.ids).count(),
        } as u64;
        let complete = if tail.is_shuffled { seen == expected } else { seen >= expected };
        (!complete).then(|| Step::Incomplete { group: tail.clone(), expected })
    }
}

/// What a page holds beyond the tail.
#[derive(Debug, Default)]
struct AfterTail {
    /// The first row that starts after the tail.
    closes_at: Option<usize>,
    /// The first row that was not read before.
    first_new: Option<usize>,
}
