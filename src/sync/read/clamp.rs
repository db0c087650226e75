//! Detects that a server reduces the limit of pages silently, by the sizes of its pages.

/// Sizes of the last pages of a segment.
#[derive(Debug, Clone, Default)]
pub(in crate::sync) struct ClampDetector {
    last_size: usize,
    /// Number of pages in a row that have `last_size`.
    equal_pages: u32,
}

/// Number of pages of equal size, in a row, that prove a limit of the server.
const MIN_EQUAL_PAGES: u32 = 3;
/// Smallest limit that is detected. Servers that return pages of any length may return several small
/// ones of equal size by chance.
const MIN_CLAMP: usize = 10;

impl ClampDetector {
    /// Takes the number of rows of the next page and its requested limit. The page must hold old
    /// records only: records that arrive at a constant rate give pages of equal size, too. Returns
    /// the limit that the server grants, once several pages in a row have the same size below the requested one.
    pub(in crate::sync) fn take(&mut self, rows: usize, limit: u32) -> Option<u32> {
        self.equal_pages = if self.last_size == rows { self.equal_pages + 1 } else { 1 };
        self.last_size = rows;
        let is_clamped =
            rows >= MIN_CLAMP && rows < limit as usize && self.equal_pages >= MIN_EQUAL_PAGES;
        is_clamped.then(|| u32::try_from(rows).unwrap_or(limit))
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
