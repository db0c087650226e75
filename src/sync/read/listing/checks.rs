//! Checks of a page: whether rows are missing before it, and whether the last group is complete.

use super::{Anchor, Listing, Step};
use crate::sync::read::page::RowRef;
use crate::sync::read::ties::{GroupMemory, KeySet};

/// Content of a page after the tail.
#[derive(Debug, Default)]
pub(super) struct AfterTail {
    /// Index of the first row that starts after the tail.
    pub(super) closes_at: Option<usize>,
    /// Index of the first row that was not read before.
    pub(super) first_new: Option<usize>,
}

impl Listing {
    /// True if rows may be missing between what was read and this page. The sort leaves no gap
    /// after a row that starts no later than the last one read. Rejected rows in the overlap prove
    /// nothing.
    pub(super) fn has_gap(&self, rows: &[Option<RowRef>], overlap: u64) -> bool {
        if self.next_offset() == 0 {
            return false;
        }
        if overlap == 0 {
            // Pages of one row cannot overlap. But a row that starts before the last one proves
            // that rows have moved.
            let first = rows.iter().flatten().next();
            let tail = self.tail.as_ref();
            return first.zip(tail).is_some_and(|(row, tail)| row.start < tail.start);
        }
        // The rows of the overlap were there: the list has become shorter.
        if rows.is_empty() {
            return true;
        }
        let overlap = rows.len().min(usize::try_from(overlap).unwrap_or(usize::MAX));
        let Some(row) = rows[..overlap].iter().flatten().next() else { return false };
        match (&self.tail, self.reading_again) {
            (Some(tail), _) => row.start > tail.start,
            // A group is read again from the row before it on. If the group comes first, its
            // beginning has moved and some of it lies before this page.
            (None, Some(group)) => row.start >= group,
            (None, None) => false,
        }
    }

    /// Looks for an id of the anchor. Returns false if rows start after the anchor and none of its
    /// ids was listed before them.
    pub(super) fn connects(&mut self, rows: &[Option<RowRef>]) -> bool {
        let Some(Anchor { start, ids }) = &self.anchor else { return true };
        for row in rows.iter().flatten() {
            if row.start > *start {
                return false;
            }
            if ids.contains(&row.key) {
                self.anchor = None;
                return true;
            }
        }
        true
    }

    /// Adds the rows of this page that belong to the tail.
    pub(super) fn extend_tail(&mut self, rows: &[Option<RowRef>], offset: u64) -> AfterTail {
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
            // In an unchanged order, the overlap begins with a known row.
            if (index as u64) < overlap && page_ids.is_empty() && !tail.ids.contains(key) {
                tail.is_shuffled = true;
            }
            if !page_ids.insert(*key) && is_new_position {
                tail.excluded += 1;
            }
            if is_new_position {
                tail.note(*key);
            }
            // In an order that changes, a page of known ids is progress too, since positions were
            // read. Otherwise a large group would end with `SyncError::Stuck`.
            if tail.ids.insert(*key) || is_new_position && tail.is_shuffled {
                after_tail.first_new.get_or_insert(index);
            }
        }
        after_tail
    }

    /// Checks that all ids of the tail, which ends before `position`, were seen. Returns
    /// [`Step::Incomplete`] otherwise.
    pub(super) fn check_tail(&self, position: u64, memory: Option<&GroupMemory>) -> Option<Step> {
        let tail = self.tail.as_ref()?;
        let expected = position.saturating_sub(tail.first_position).saturating_sub(tail.excluded);
        let memory = memory.filter(|memory| memory.start == tail.start);
        // An API that lists a record twice never shows as many ids as positions.
        if memory.is_some_and(|memory| memory.order_is_stable) {
            return None;
        }
        let seen = match memory {
            None => tail.ids.len(),
            Some(memory) => tail.ids.union(&memory.ids).count(),
        } as u64;
        // In an order that changes, an id that was deleted meanwhile would make up for one that was
        // not seen, so more ids than positions prove nothing.
        let is_complete = if tail.is_shuffled { seen == expected } else { seen >= expected };
        (!is_complete).then(|| Step::Incomplete { group: tail.clone(), expected })
    }
}
