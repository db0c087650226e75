//! The desktops, users, pools, buckets and policies that records refer to.
//!
//! Every text is stored together with its JSON encoding, so a row is written by copying. Names are
//! unique per table, so a filter by name finds one user or one desktop.

mod names;
#[cfg(test)]
mod tests;

use hashbrown::HashMap;
use rand::{Rng, RngExt};

pub(crate) use self::names::Name;
use self::names::{generated_name, uuid};
use crate::mix::mix;

/// A desktop.
#[derive(Debug, Clone)]
pub(crate) struct Desktop {
    pub(crate) id: String,
    pub(crate) name: Name,
    pub(crate) pool: Option<u32>,
    pub(crate) home_user: u32,
    /// Number of the entry with the new name, if the desktop was renamed.
    renamed: Option<u32>,
}

/// A desktop pool.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) name: Name,
}

/// Numbers of entries in a new directory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DirectorySizes {
    pub(crate) desktops: u32,
    pub(crate) users: u32,
    pub(crate) pools: u32,
    pub(crate) buckets: u32,
    pub(crate) policies: u32,
}

/// Objects that a new record refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DrawnReferences {
    pub(crate) desktop: u32,
    pub(crate) pool: Option<u32>,
    pub(crate) user: u32,
    pub(crate) bucket: Option<u32>,
    pub(crate) policy: Option<u32>,
}

/// The desktops, users, pools, buckets and policies. Records refer to them by number.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    seed: u64,
    desktops: Vec<Desktop>,
    users: Vec<Name>,
    pools: Vec<Pool>,
    buckets: Vec<Name>,
    policies: Vec<Name>,
    users_by_name: HashMap<String, u32>,
    retired: Retired,
}

/// Numbers of the oldest entries that are retired.
#[derive(Debug, Clone, Copy, Default)]
struct Retired {
    desktops: usize,
    users: usize,
    pools: usize,
    buckets: usize,
    policies: usize,
}

/// One desktop in so many uploads to an SFTP server, so its records have no bucket.
const SFTP_ONE_IN: u32 = 11;
/// One desktop in so many makes records without a policy.
const NO_POLICY_ONE_IN: u32 = 13;

impl Directory {
    /// Creates a directory with at least one desktop and one user. One desktop in five is not in a
    /// pool. With `hostile`, every second name is a hostile one.
    pub(crate) fn new(seed: u64, sizes: DirectorySizes, hostile: bool) -> Self {
        let mut directory = Self { seed, ..Self::default() };
        for number in 0..sizes.users.max(1) {
            directory.add_user(&generated_name("user", number, hostile));
        }
        for number in 0..sizes.pools {
            directory.add_pool(&generated_name("pool", number, hostile));
        }
        for number in 0..sizes.buckets {
            directory.add_bucket(&generated_name("wks-screen-records", number, hostile));
        }
        for number in 0..sizes.policies {
            directory.add_policy(&if hostile && number % 2 == 0 {
                generated_name("policy", number, hostile)
            } else {
                uuid(mix(seed ^ 0x0070_6f6c_6963_7900), u64::from(number))
            });
        }
        for number in 0..sizes.desktops.max(1) {
            let pool = (sizes.pools > 0 && number % 5 != 4).then(|| number % sizes.pools);
            directory.add_desktop(&generated_name("desktop", number, hostile), pool);
        }
        directory
    }

    /// Returns the number of the user with this name, and adds the user if there is none.
    pub fn add_user(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.users_by_name.get(name) {
            return number;
        }
        let number = next_number(&self.users);
        self.users.push(Name::new(name.to_owned()));
        self.users_by_name.insert(name.to_owned(), number);
        number
    }

    /// Adds a pool and returns its number.
    pub fn add_pool(&mut self, name: &str) -> u32 {
        let number = next_number(&self.pools);
        let id = uuid(mix(self.seed ^ 0x0070_6f6f_6c00), u64::from(number));
        self.pools.push(Pool { id, name: Name::new(name.to_owned()) });
        number
    }

    /// Adds a bucket and returns its number.
    pub fn add_bucket(&mut self, name: &str) -> u32 {
        let number = next_number(&self.buckets);
        self.buckets.push(Name::new(name.to_owned()));
        number
    }

    /// Adds a policy and returns its number.
    pub fn add_policy(&mut self, id: &str) -> u32 {
        let number = next_number(&self.policies);
        self.policies.push(Name::new(id.to_owned()));
        number
    }

    /// Adds a desktop of a pool and returns its number.
    pub fn add_desktop(&mut self, name: &str, pool: Option<u32>) -> u32 {
        let number = next_number(&self.desktops);
        let id = uuid(mix(self.seed ^ 0x6465_736b), u64::from(number));
        let retired = u32::try_from(self.retired.users).unwrap_or(u32::MAX);
        let users = (next_number(&self.users) - retired).max(1);
        self.desktops.push(Desktop {
            id,
            name: Name::new(name.to_owned()),
            pool,
            home_user: retired + number % users,
            renamed: None,
        });
        number
    }

    /// Gives a desktop a new name, which new recordings show. Returns the number for such records.
    /// Existing records keep the old name.
    pub fn rename_desktop(&mut self, desktop: u32, name: &str) -> u32 {
        let number = next_number(&self.desktops);
        let old = &mut self.desktops[desktop as usize];
        old.renamed = Some(number);
        let new = Desktop { name: Name::new(name.to_owned()), renamed: None, ..old.clone() };
        self.desktops.push(new);
        number
    }

    /// Retires the oldest desktop. New recordings are made on the others; the last one stays.
    pub fn retire_desktop(&mut self) {
        retire_one(&mut self.retired.desktops, self.desktops.len());
    }

    /// Retires the oldest user, who appears in new records only on desktops of this user. The last
    /// one stays.
    pub fn retire_user(&mut self) {
        retire_one(&mut self.retired.users, self.users.len());
    }

    /// Removes the oldest pool from the list of pools. Its desktops keep it until they retire.
    pub fn retire_pool(&mut self) {
        retire_one(&mut self.retired.pools, self.pools.len());
    }

    /// Retires the oldest bucket. New recordings are uploaded to the others; the last one stays.
    pub fn retire_bucket(&mut self) {
        retire_one(&mut self.retired.buckets, self.buckets.len());
    }

    /// Retires the oldest policy. New recordings are made under the others; the last one stays.
    pub fn retire_policy(&mut self) {
        retire_one(&mut self.retired.policies, self.policies.len());
    }

    /// Returns the number of pools, retired ones included.
    pub fn pool_count(&self) -> u32 {
        next_number(&self.pools)
    }

    /// Returns the id of a pool.
    pub fn pool_id(&self, pool: u32) -> &str {
        self.pools.get(pool as usize).map_or("", |pool| &pool.id)
    }

    /// Returns the name of a pool.
    pub fn pool_name(&self, pool: u32) -> &str {
        self.pools.get(pool as usize).map_or("", |pool| &pool.name.text)
    }

    /// Returns the name of a user.
    pub fn user_name(&self, user: u32) -> &str {
        self.users.get(user as usize).map_or("", |user| &user.text)
    }

    /// Returns the id of a desktop.
    pub fn desktop_id(&self, desktop: u32) -> &str {
        self.desktops.get(desktop as usize).map_or("", |desktop| &desktop.id)
    }

    /// Returns the name of a desktop.
    pub fn desktop_name(&self, desktop: u32) -> &str {
        self.desktops.get(desktop as usize).map_or("", |desktop| &desktop.name.text)
    }

    /// Returns the name of a bucket.
    pub fn bucket_name(&self, bucket: u32) -> Option<&str> {
        self.bucket(bucket).map(|bucket| bucket.text.as_str())
    }

    /// Returns the id of a policy.
    pub fn policy_id(&self, policy: u32) -> Option<&str> {
        self.policy(policy).map(|policy| policy.text.as_str())
    }

    pub(crate) fn bucket(&self, bucket: u32) -> Option<&Name> {
        self.buckets.get(bucket as usize)
    }

    pub(crate) fn policy(&self, policy: u32) -> Option<&Name> {
        self.policies.get(policy as usize)
    }

    /// Returns the number of desktops in a pool, retired ones included.
    pub(crate) fn desktop_count(&self, pool: u32) -> usize {
        let in_pool = |desktop: &&Desktop| desktop.pool == Some(pool) && desktop.renamed.is_none();
        self.desktops.iter().filter(in_pool).count()
    }

    /// Returns the pools that are not retired, with their numbers.
    pub(crate) fn pools(&self) -> impl Iterator<Item = (u32, &Pool)> {
        let first = u32::try_from(self.retired.pools).unwrap_or(u32::MAX);
        self.pools[self.retired.pools..].iter().zip(first..).map(|(pool, number)| (number, pool))
    }

    pub(crate) fn desktops(&self) -> &[Desktop] {
        &self.desktops
    }

    pub(crate) fn user_json(&self, user: u32) -> Option<&str> {
        self.users.get(user as usize).map(|user| user.json.as_str())
    }

    pub(crate) fn find_user(&self, name: &str) -> Option<u32> {
        self.users_by_name.get(name).copied()
    }

    /// Draws a desktop, what belongs to it, and a user, who is mostly the desktop's own user.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> DrawnReferences {
        let number = rng.random_range(self.retired.desktops..self.desktops.len());
        let mut number = u32::try_from(number).unwrap_or(0);
        while let Some(renamed) = self.desktops[number as usize].renamed {
            number = renamed;
        }
        let desktop = &self.desktops[number as usize];
        let user = if rng.random_bool(0.7) {
            desktop.home_user
        } else {
            u32::try_from(rng.random_range(self.retired.users..self.users.len())).unwrap_or(0)
        };
        let bucket = assigned(number, self.retired.buckets, self.buckets.len());
        let policy = assigned(!number, self.retired.policies, self.policies.len());
        DrawnReferences {
            desktop: number,
            pool: desktop.pool,
            user,
            bucket: bucket.filter(|_| number % SFTP_ONE_IN != SFTP_ONE_IN - 1),
            policy: policy.filter(|_| number % NO_POLICY_ONE_IN != NO_POLICY_ONE_IN - 1),
        }
    }
}

/// Returns the bucket or policy of a desktop, of those that are not retired.
fn assigned(desktop: u32, retired: usize, count: usize) -> Option<u32> {
    let live = count.checked_sub(retired).filter(|live| *live > 0)?;
    let position = mix(u64::from(desktop)) % u64::try_from(live).ok()?;
    Some(u32::try_from(retired).ok()? + u32::try_from(position).ok()?)
}

fn retire_one(retired: &mut usize, count: usize) {
    *retired = (*retired + 1).min(count.saturating_sub(1));
}

/// Returns the number of the next entry of a table. Options and tests stay far below 2^32.
fn next_number<T>(table: &[T]) -> u32 {
    u32::try_from(table.len()).unwrap_or(u32::MAX)
}
