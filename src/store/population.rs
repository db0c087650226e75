//! How many records each user and each pool has in the window.

use super::labels::{Label, Labels};
use super::record::StoredRecord;
use super::slots::{Limited, Value};

/// Records by user and by pool, as far as they are shown.
#[derive(Debug, Default)]
pub(super) struct Population {
    users: Vec<u32>,
    pools: Vec<u32>,
}

impl Population {
    /// Makes room for all labels.
    pub(super) fn grow(&mut self, labels: &Labels) {
        self.users.resize(labels.len() as usize, 0);
        self.pools.resize(labels.len() as usize, 0);
    }

    pub(super) fn add(&mut self, record: &StoredRecord) {
        self.users[record.user.number() as usize] += 1;
        self.pools[record.pool.number() as usize] += 1;
    }

    pub(super) fn remove(&mut self, record: &StoredRecord) {
        self.users[record.user.number() as usize] -= 1;
        self.pools[record.pool.number() as usize] -= 1;
    }

    /// Whether a user or a pool has records. Other labels are not followed.
    pub(super) fn contains(&self, (limited, number): Value) -> bool {
        self.of(limited).get(number as usize).is_some_and(|count| *count > 0)
    }

    /// The users or pools that have records and a name of their own.
    pub(super) fn values(&self, limited: Limited) -> impl Iterator<Item = u32> {
        let counts = self.of(limited).iter().zip(0_u32..);
        counts
            .filter(|(count, number)| **count > 0 && !Label::from_number(*number).is_fixed())
            .map(|(_, number)| number)
    }

    fn of(&self, limited: Limited) -> &[u32] {
        match limited {
            Limited::User => &self.users,
            Limited::Pool => &self.pools,
            Limited::Status | Limited::Type => &[],
        }
    }
}
