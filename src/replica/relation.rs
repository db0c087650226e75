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
        if found.epoch < known.epoch {
            return Self::Earlier;
        }
        if found.epoch == known.epoch {
            return match () {
                // The same number was given to two leaderships: the database forgot one of them.
                () if found.token != known.token => Self::Lost,
                () if found.next < known.next => Self::Earlier,
                () => Self::Later,
            };
        }
        // The leader of a later epoch begins where the log ends.
        if found.base == known.base && found.next < known.next { Self::Lost } else { Self::Later }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_compared_by_leadership_then_by_frames() {
        let end =
            |epoch, token, base, next| LogEnd { epoch, token, base, next, ..LogEnd::default() };
        let known = end(7, 70, 1, 100);
        for (found, relation) in [
            (known, Relation::Same),
            (end(7, 70, 1, 101), Relation::Later),
            // Rewritten by the same leader.
            (end(7, 70, 2, 120), Relation::Later),
            (end(7, 70, 1, 99), Relation::Earlier),
            (end(6, 60, 1, 100), Relation::Earlier),
            (end(6, 60, 1, 300), Relation::Earlier),
            (end(7, 71, 1, 300), Relation::Lost),
            (end(8, 80, 1, 100), Relation::Later),
            (end(8, 80, 1, 130), Relation::Later),
            (end(8, 80, 1, 99), Relation::Lost),
            // Written again by a replica that knew the state.
            (end(8, 80, 3, 97), Relation::Later),
        ] {
            assert_eq!(Relation::of(found, known), relation, "{found:?}");
        }
        assert_eq!(Relation::of(end(1, 5, 0, 0), LogEnd::default()), Relation::Later);
    }
}
