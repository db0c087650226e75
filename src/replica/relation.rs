//! Relation of the end of a log in the database to the one that a replica knows. Pure.

use crate::ledger::LogEnd;

/// Relation of the end of a log in the database to the one that a replica knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// They are the same.
    Same,
    /// The database has more, or the same under another leadership.
    Later,
    /// The database has less. An answer may have been overtaken by a later one, so it is asked again.
    Earlier,
    /// The database lost commits that this replica knows, and another replica may have led it since.
    Lost,
}

impl Relation {
    /// Compares the end in the database with the known one.
    pub(super) fn of(found: LogEnd, known: LogEnd) -> Self {
        // Nothing was read yet.
        if known.token == 0 {
            return Self::Later;
        }
        if found == known {
            return Self::Same;
        }
        // A rewrite begins where the log ended, and that of a replica that restores a lost log begins after
        // the end of its own. So a log that continues the known one has all of its frames, or begins after them.
        let continues = if found.base == known.base {
            found.next >= known.next
        } else {
            found.first >= known.next
        };
        let is_same_leadership = (found.epoch, found.token) == (known.epoch, known.token);
        match () {
            () if found.epoch < known.epoch => Self::Earlier,
            // The same number was given to two leaderships: the database forgot one of them.
            () if found.epoch == known.epoch && !is_same_leadership => Self::Lost,
            () if continues => Self::Later,
            () if is_same_leadership => Self::Earlier,
            () => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_compared_by_leadership_then_by_frames() {
        let end =
            |epoch, token, base, next| LogEnd { epoch, token, base, next, ..LogEnd::default() };
        let rewritten = |epoch, first, next| LogEnd { first, ..end(epoch, epoch * 10, 2, next) };
        let known = LogEnd { first: 40, ..end(7, 70, 1, 100) };
        for (found, relation) in [
            (known, Relation::Same),
            (end(7, 70, 1, 101), Relation::Later),
            // Rewritten by the same leader, before or after what is known.
            (rewritten(7, 100, 120), Relation::Later),
            (rewritten(7, 103, 120), Relation::Later),
            (rewritten(7, 20, 40), Relation::Earlier),
            (end(7, 70, 1, 99), Relation::Earlier),
            (end(6, 60, 1, 100), Relation::Earlier),
            (end(6, 60, 1, 300), Relation::Earlier),
            (end(7, 71, 1, 300), Relation::Lost),
            (end(8, 80, 1, 100), Relation::Later),
            (end(8, 80, 1, 130), Relation::Later),
            (end(8, 80, 1, 99), Relation::Lost),
            // Written again by a replica that knew as much, or less.
            (rewritten(8, 100, 103), Relation::Later),
            (rewritten(8, 97, 140), Relation::Lost),
        ] {
            assert_eq!(Relation::of(found, known), relation, "{found:?}");
        }
        assert_eq!(Relation::of(end(1, 5, 0, 0), LogEnd::default()), Relation::Later);
    }
}
