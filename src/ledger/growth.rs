//! Growth of a log, which decides when it is rewritten.

/// Bytes of changes that do not cause a rewrite, however small the state is.
const MAX_CHANGE_BYTES: u64 = 1 << 20;

/// Bytes of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Growth {
    /// All of them.
    bytes: u64,
    /// Those that a rewrite would not save: the ones that were there when the log was opened or rewritten,
    /// and those that only added to the state since.
    base_bytes: u64,
}

impl Growth {
    /// Creates the growth of a log that was opened or rewritten.
    pub(super) fn of_base(bytes: u64) -> Self {
        Self { bytes, base_bytes: bytes }
    }

    /// Notes appended bytes. `only_adds` means that they change nothing in earlier ones, so that a rewrite
    /// would not be shorter.
    pub(super) fn add(&mut self, bytes: u64, only_adds: bool) {
        // Without this, a first sync in many parts would rewrite the whole state again and again.
        if only_adds || self.bytes == 0 {
            self.base_bytes += bytes;
        }
        self.bytes += bytes;
    }

    /// Notes that the log holds what will be read again, so that a rewrite is due soon. The parts of a
    /// first sync count as additions. Without this, each first sync that fails would add all of them to the
    /// log once more.
    pub(super) fn discard_base(&mut self) {
        self.base_bytes = 0;
    }

    /// Returns whether the log should be rewritten, because many changes take space and make the next start
    /// slow.
    pub(super) fn needs_rewrite(self) -> bool {
        self.bytes > 2 * self.base_bytes + MAX_CHANGE_BYTES
    }

    /// Returns all bytes.
    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }

    /// Simulates so many changes that a rewrite is due.
    #[cfg(test)]
    pub(super) fn simulate_many_changes(&mut self) {
        (self.bytes, self.base_bytes) = (self.bytes + MAX_CHANGE_BYTES + 1, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_twice_the_base_cause_a_rewrite() {
        let mut growth = Growth::of_base(4 << 20);
        growth.add(4 << 20, false);
        assert!(!growth.needs_rewrite());
        growth.add((1 << 20) + 1, false);
        assert!(growth.needs_rewrite());
        assert!(!Growth::of_base(growth.bytes()).needs_rewrite());
    }

    #[test]
    fn additions_cause_none_until_they_are_discarded() {
        let mut growth = Growth::default();
        for _ in 0..9 {
            growth.add(2 << 20, true);
        }
        assert!(!growth.needs_rewrite());
        growth.discard_base();
        assert!(growth.needs_rewrite());
    }
}
