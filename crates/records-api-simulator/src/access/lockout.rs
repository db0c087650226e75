//! Locks an access key or a user after too many failures.
//!
//! Only a success ends a streak of failures: a failure after the lock has expired locks again at
//! once. (Invented, the stricter of two readings.)

use std::collections::BTreeMap;

/// Limits on memory. Only an attacker has more names.
const MAX_NAMES: usize = 1000;
const MAX_LOCKS: usize = 1000;

/// A lock of an access key or a user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Lock {
    /// The access key or the user name.
    pub who: String,
    /// Start of the lock, in milliseconds since the Unix epoch, by the simulator's clock.
    pub from: i64,
    /// End of the lock.
    pub until: i64,
}

/// Failures in a row, and the end of the lock.
#[derive(Debug)]
struct Streak {
    failures: u32,
    locked_until: i64,
}

/// Streaks of failures by access key or user name.
#[derive(Debug)]
pub(super) struct Lockout {
    /// Failures in a row that do not lock.
    allowed: u32,
    millis: i64,
    streaks: BTreeMap<String, Streak>,
    locks: Vec<Lock>,
}

impl Lockout {
    pub(super) fn new(allowed: u32, millis: i64) -> Self {
        Self { allowed, millis, streaks: BTreeMap::new(), locks: Vec::new() }
    }

    pub(super) fn is_locked(&self, who: &str, now: i64) -> bool {
        self.streaks.get(who).is_some_and(|streak| now < streak.locked_until)
    }

    pub(super) fn fail(&mut self, who: &str, now: i64) {
        if self.streaks.len() == MAX_NAMES && !self.streaks.contains_key(who) {
            return;
        }
        let new = Streak { failures: 0, locked_until: i64::MIN };
        let streak = self.streaks.entry(who.to_owned()).or_insert(new);
        streak.failures += 1;
        if streak.failures > self.allowed {
            streak.locked_until = now.saturating_add(self.millis);
            if self.locks.len() < MAX_LOCKS {
                self.locks.push(Lock {
                    who: who.to_owned(),
                    from: now,
                    until: streak.locked_until,
                });
            }
        }
    }

    pub(super) fn succeed(&mut self, who: &str) {
        self.streaks.remove(who);
    }

    /// Every lock so far, oldest first.
    pub(super) fn locks(&self) -> &[Lock] {
        &self.locks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_failure_in_a_row_locks_and_a_success_ends_the_streak() {
        let mut lockout = Lockout::new(5, 1000);
        (0..5).for_each(|now| lockout.fail("a", now));
        lockout.succeed("a");
        (5..10).for_each(|now| lockout.fail("a", now));
        assert!(!lockout.is_locked("a", 10));
        lockout.fail("a", 10);
        assert!(lockout.is_locked("a", 10) && lockout.is_locked("a", 1009));
        assert!(!lockout.is_locked("a", 1010) && !lockout.is_locked("b", 10));
        lockout.fail("a", 2000);
        assert!(lockout.is_locked("a", 2999), "the streak continues after the lock");
        let lock = |from, until| Lock { who: "a".to_owned(), from, until };
        assert_eq!(lockout.locks(), [lock(10, 1010), lock(2000, 3000)]);
    }
}
