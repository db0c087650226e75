//! A limit that the server clamps without a word shows by the size of its pages.

/// The sizes of the last pages of a listing.
#[derive(Debug, Clone, Default)]
pub(in crate::sync) struct ClampDetector {
    last: usize,
    same: u32,
}

/// Pages of one size that prove a limit of the server's own, and the smallest such limit that is
/// worth knowing. What trickles in at the end of a listing may have one size by chance.
const MIN_EQUAL_PAGES: u32 = 3;
const MIN_CLAMP: usize = 10;

impl ClampDetector {
    /// Takes the size of the next page. Returns the limit that the server grants, when several
    /// pages in a row stop at the same number below the one that was asked for.
    pub(in crate::sync) fn take(&mut self, rows: usize, asked: u32) -> Option<u32> {
        self.same = if self.last == rows { self.same + 1 } else { 1 };
        self.last = rows;
        let is_clamped = rows >= MIN_CLAMP && rows < asked as usize && self.same >= MIN_EQUAL_PAGES;
        is_clamped.then(|| u32::try_from(rows).unwrap_or(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_equal_pages_below_the_limit_prove_a_clamp() {
        let granted = |sizes: &[usize]| {
            let mut detector = ClampDetector::default();
            sizes.iter().map(|rows| detector.take(*rows, 1000)).last().flatten()
        };
        assert_eq!(granted(&[100, 100, 100]), Some(100));
        assert_eq!(granted(&[100, 100]), None);
        assert_eq!(granted(&[100, 99, 100, 100]), None);
        assert_eq!(granted(&[1000, 1000, 1000]), None);
        assert_eq!(granted(&[3, 3, 3, 3]), None);
    }
}
