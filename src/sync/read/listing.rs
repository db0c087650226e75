//! One ordered listing, read page by page, and the proof that no row of it was missed.
//!
//! A listing is the API's answer to one lower bound, sorted by start. Positions in it are offsets.
//! Three checks prove that it was read completely:
//!
//! * **Overlap.** A page begins a few rows before the last row read. If its first row starts after
//!   that row, rows have moved and some were skipped: [`Step::Gap`].
//! * **Groups.** Records of equal start may come in another order each time. The sort fixes where
//!   their group begins and ends, so their number is known. If fewer different ids were seen, some
//!   are missing: [`Step::Incomplete`]. Only a group that spans pages can be affected.
//! * **The end** is an empty page after everything that was read, or a page with nothing beyond the
//!   overlap if the count agrees. A short page proves nothing, since a server may grant fewer rows
//!   than requested. Nor does a count alone, which may be wrong.

mod checks;

use crate::sync::error::SyncError;
use crate::sync::read::page::{PageRef, RowRef, check_order};
use crate::sync::read::ties::{Group, GroupMemory, KeySet, last_group};
use records_api::record::Timestamp;

/// State of a listing.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Listing {
    /// Lower bound of the requests.
    pub(in crate::sync) bound: Timestamp,
    /// Number of positions read: all before this one.
    pub(in crate::sync) received: u64,
    /// Number of rows that start before the bound. An API that compares intervals lists them first.
    pub(in crate::sync) before_bound: u64,
    /// Last group of equal starts that was read. The next page may continue it.
    pub(in crate::sync) tail: Option<Group>,
    /// Number of rows of the last page. It determines the overlap.
    last_page: usize,
    /// True if the last page held nothing beyond the overlap. The next page begins after everything
    /// that was read, to check that this is the end.
    checks_end: bool,
    /// Proves that the listing continues an earlier one. `None` once proven, or if there was none.
    anchor: Option<Anchor>,
    /// Number of pages in a row without a new row.
    stalled_pages: u32,
    /// Highest position that was ever read. `received` may be set back, and rows before the bound
    /// must not be counted twice.
    highest_position: u64,
    /// Start of the group that is being read again.
    reading_again: Option<Timestamp>,
    /// True if a group was read again because its order differed. If it differs once more, the API
    /// changes the order by itself.
    has_reread_group: bool,
}

/// The last group that an earlier listing read. One of its ids must come before anything that
/// starts later.
#[derive(Debug, Clone)]
struct Anchor {
    start: Timestamp,
    ids: KeySet,
}

/// Progress that a page made in a listing.
#[derive(Debug)]
pub(in crate::sync) enum Step {
    /// The listing continues.
    Advanced,
    /// The listing is complete, up to the end of the segment or of the window.
    Done,
    /// Rows have moved, and some may have been skipped.
    Gap,
    /// The page proves nothing, and another one is needed: the order of a group differs, or the end
    /// is in doubt.
    Undecided,
    /// Some ids of a group were not listed.
    Incomplete {
        /// The group with the ids that were listed.
        group: Group,
        /// Number of records in the group.
        expected: u64,
    },
    /// The listing does not continue the earlier one.
    NotConnected,
}

/// Result of a page.
#[derive(Debug)]
pub(in crate::sync) struct PageResult {
    pub(in crate::sync) step: Step,
    /// Index of the first row that no earlier page or listing contained; the number of rows if
    /// there is none.
    pub(in crate::sync) first_new: usize,
}

/// Number of pages in a row that may hold no new row: records that are inserted before the cursor
/// shift rows that were read into the next page.
const MAX_STALLED_PAGES: u32 = 12;
/// The same for pages of one row. They cannot overlap, so in a group whose order changes every row
/// may be known, up to the end of the group.
const MAX_STALLED_SINGLE_ROWS: u32 = 300;
/// Maximum overlap of two pages, in rows. Smaller pages overlap by a fiftieth.
const MAX_OVERLAP: u64 = 20;

impl Listing {
    pub(in crate::sync) fn new(bound: Timestamp) -> Self {
        Self {
            bound,
            received: 0,
            before_bound: 0,
            tail: None,
            last_page: 0,
            checks_end: false,
            anchor: None,
            stalled_pages: 0,
            highest_position: 0,
            reading_again: None,
            has_reread_group: false,
        }
    }

    /// Creates a listing that must contain one of `ids` before any row that starts after `start`.
    pub(in crate::sync) fn continuing(bound: Timestamp, start: Timestamp, ids: KeySet) -> Self {
        Self { anchor: Some(Anchor { start, ids }), ..Self::new(bound) }
    }

    /// Returns the offset of the next page.
    pub(in crate::sync) fn next_offset(&self) -> u64 {
        self.received.saturating_sub(self.overlap())
    }

    /// True if the listing is proven to continue the earlier one, or there was none.
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
            // A page of one row that overlapped would never advance.
            0 | 1 => 0,
            rows => (rows as u64 / 50).clamp(1, MAX_OVERLAP),
        }
    }

    /// Takes the page at [`Self::next_offset`]. `end` is the end of the segment, `memory` holds the
    /// earlier passes over a group.
    pub(in crate::sync) fn take(
        &mut self,
        page: &PageRef<'_>,
        end: Option<Timestamp>,
        memory: Option<&GroupMemory>,
    ) -> Result<PageResult, SyncError> {
        let rows = page.rows;
        check_order(rows)?;
        let without_new_rows = |step| Ok(PageResult { step, first_new: rows.len() });
        let (offset, overlap) = (self.next_offset(), self.overlap());
        if std::mem::take(&mut self.checks_end) && !rows.is_empty() {
            // This is not the end: the server had cut the page before. These rows do not overlap
            // with what was read, so they are requested again with an overlap that fits their
            // number.
            self.note_progress(false, rows.len())?;
            return without_new_rows(Step::Undecided);
        }
        if self.has_gap(rows, overlap) {
            return without_new_rows(Step::Gap);
        }
        let anchor_start = self.anchor.as_ref().map(|anchor| anchor.start);
        if !self.connects(rows) {
            return without_new_rows(Step::NotConnected);
        }
        let (already_read, is_first) = (self.received, self.tail.is_none());
        let after_tail = self.extend_tail(rows, offset);
        if let Some(tail) = self.tail.take_if(|tail| tail.is_shuffled && !self.has_reread_group) {
            // Either rows have moved, so that positions do not give the number of records, or the
            // API changes the order by itself. The group is read again to tell these apart.
            self.has_reread_group = true;
            self.go_back_to(&tail);
            return without_new_rows(Step::Undecided);
        }
        let first_unread = if is_first { 0 } else { after_tail.first_new.unwrap_or(rows.len()) };
        let has_new_rows = first_unread < rows.len();
        let first_new = match anchor_start {
            None => first_unread,
            // Up to the anchor, the earlier listing contained the rows.
            Some(start) => rows
                .iter()
                .position(|row| row.is_some_and(|row| row.start > start))
                .unwrap_or(rows.len()),
        };
        self.note_positions(rows, offset);
        let step = match self.advance_tail(rows, offset, after_tail.closes_at, memory) {
            Some(incomplete) => incomplete,
            None if starts_at_or_after(rows, end) => Step::Done,
            None if !has_new_rows && rows.len() as u64 <= overlap => self.end(page, memory),
            None if !has_new_rows && self.repeats_whole_list(page, already_read) => Step::Done,
            None => {
                self.note_progress(has_new_rows, rows.len())?;
                Step::Advanced
            }
        };
        Ok(PageResult { step, first_new })
    }

    /// True if a count that is known to be right shows that this is the end and no row is missing.
    pub(in crate::sync) fn is_complete_by_count(&self, total_count: Option<u64>) -> bool {
        total_count == Some(self.received) && self.is_connected() && self.has_whole_tail()
    }

    /// True if no id of the last group is missing, provided that the listing ends here.
    pub(in crate::sync) fn has_whole_tail(&self) -> bool {
        self.check_tail(self.received, None).is_none()
    }

    /// Notes that the positions of these rows were read.
    fn note_positions(&mut self, rows: &[Option<RowRef>], offset: u64) {
        let end = offset + rows.len() as u64;
        let counted = self.highest_position.saturating_sub(offset);
        self.before_bound += rows
            .iter()
            .skip(usize::try_from(counted).unwrap_or(usize::MAX))
            .flatten()
            .take_while(|row| row.start < self.bound)
            .count() as u64;
        self.highest_position = self.highest_position.max(end);
        self.received = self.received.max(end);
    }

    /// Begins a new tail if the last one ends in this page. Returns [`Step::Incomplete`] if ids of
    /// the last one are missing.
    fn advance_tail(
        &mut self,
        rows: &[Option<RowRef>],
        offset: u64,
        closes_at: Option<usize>,
        memory: Option<&GroupMemory>,
    ) -> Option<Step> {
        let first = match closes_at {
            Some(close) => {
                if let Some(incomplete) = self.check_tail(offset + close as u64, memory) {
                    return Some(incomplete);
                }
                close
            }
            None if self.tail.is_none() => rows.iter().position(Option::is_some)?,
            None => return None,
        };
        self.tail = Some(last_group(&rows[first..], offset + first as u64));
        None
    }

    /// Decides whether a page that holds nothing beyond the overlap is the end.
    fn end(&mut self, page: &PageRef<'_>, memory: Option<&GroupMemory>) -> Step {
        if !page.rows.is_empty() && page.total_count != Some(self.received) {
            // The server may have cut the page at the overlap.
            self.checks_end = true;
            return Step::Undecided;
        }
        let done = if self.is_connected() { Step::Done } else { Step::NotConnected };
        self.check_tail(self.received, memory).unwrap_or(done)
    }

    /// True if the server ignores the offset and returns the whole list in every answer: fewer rows
    /// than requested, as many as it counts, the same as before. Otherwise such a server would fail
    /// with [`SyncError::Stuck`].
    fn repeats_whole_list(&self, page: &PageRef<'_>, already_read: u64) -> bool {
        let rows = page.rows.len();
        // A single row may be repeated by chance in an order that changes, where the count is that
        // of the page.
        let is_certain = rows > 1 || self.stalled_pages + 1 >= MAX_STALLED_PAGES;
        rows < page.limit as usize
            && page.total_count == Some(rows as u64)
            && page.total_count == Some(already_read)
            && is_certain
    }

    fn note_progress(&mut self, has_new_rows: bool, rows: usize) -> Result<(), SyncError> {
        self.last_page = rows;
        self.reading_again = None;
        self.stalled_pages = if has_new_rows { 0 } else { self.stalled_pages + 1 };
        let max = if rows == 1 { MAX_STALLED_SINGLE_ROWS } else { MAX_STALLED_PAGES };
        if self.stalled_pages > max {
            return Err(SyncError::Stuck { offset: self.next_offset() });
        }
        Ok(())
    }
}

fn starts_at_or_after(rows: &[Option<RowRef>], end: Option<Timestamp>) -> bool {
    end.is_some_and(|end| rows.iter().flatten().any(|row| row.start >= end))
}
