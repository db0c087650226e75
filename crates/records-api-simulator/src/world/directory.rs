//! The desktops, users and pools that records refer to.
//!
//! Every text is stored together with its JSON encoding, so a row is written by copying. Names are
//! unique per table, so a filter by name finds one user or one desktop.

mod names;

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
}

/// A desktop pool.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) name: Name,
}

/// The desktops, users and pools. Records refer to them by number.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    seed: u64,
    desktops: Vec<Desktop>,
    users: Vec<Name>,
    pools: Vec<Pool>,
    users_by_name: HashMap<String, u32>,
    retired: Retired,
}

/// Numbers of the oldest desktops, users and pools that are retired.
#[derive(Debug, Clone, Copy, Default)]
struct Retired {
    desktops: usize,
    users: usize,
    pools: usize,
}

impl Directory {
    /// Creates a directory with at least one desktop and one user. One desktop in five is not in a
    /// pool. With `hostile`, every second name is a hostile one.
    pub(crate) fn new(seed: u64, desktops: u32, users: u32, pools: u32, hostile: bool) -> Self {
        let mut directory = Self { seed, ..Self::default() };
        for number in 0..users.max(1) {
            directory.add_user(&generated_name("user", number, hostile));
        }
        for number in 0..pools {
            directory.add_pool(&generated_name("pool", number, hostile));
        }
        for number in 0..desktops.max(1) {
            let pool = (pools > 0 && number % 5 != 4).then(|| number % pools);
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
        });
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

    /// Draws a desktop, its pool, and a user, who is mostly the desktop's own user.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> (u32, Option<u32>, u32) {
        let number = rng.random_range(self.retired.desktops..self.desktops.len());
        let desktop = &self.desktops[number];
        let user = if rng.random_bool(0.7) {
            desktop.home_user
        } else {
            u32::try_from(rng.random_range(self.retired.users..self.users.len())).unwrap_or(0)
        };
        (u32::try_from(number).unwrap_or(0), desktop.pool, user)
    }
}

fn retire_one(retired: &mut usize, count: usize) {
    *retired = (*retired + 1).min(count.saturating_sub(1));
}

/// Returns the number of the next entry of a table. Options and tests stay far below 2^32.
fn next_number<T>(table: &[T]) -> u32 {
    u32::try_from(table.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    #[test]
    fn hostile_names_are_unique_and_survive_json() {
        let directory = Directory::new(1, 100, 100, 3, true);
        assert_eq!(directory.users.len(), 100);
        for user in &directory.users {
            assert_eq!(serde_json::from_str::<String>(&user.json).unwrap(), user.text);
        }
        assert!(directory.find_user("<script>alert(1)</script>").is_some());
    }

    #[test]
    fn one_desktop_in_five_is_not_in_a_pool() {
        let directory = Directory::new(1, 100, 1, 4, false);
        assert_eq!(directory.desktops.iter().filter(|d| d.pool.is_none()).count(), 20);
        assert!(Directory::new(1, 10, 1, 0, false).desktops.iter().all(|d| d.pool.is_none()));
    }

    #[test]
    fn new_records_refer_to_what_is_not_retired() {
        let mut directory = Directory::new(1, 4, 2, 2, false);
        directory.retire_user();
        directory.retire_pool();
        let (user, pool) = (directory.add_user("new user"), directory.add_pool("new pool"));
        for _ in 0..4 {
            directory.add_desktop("new desktop", Some(pool));
            directory.retire_desktop();
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let drawn: BTreeSet<_> = (0..1000).map(|_| directory.draw(&mut rng)).collect();
        let users = [1, user];
        assert!(drawn.iter().all(|(desktop, pool_drawn, drawn_user)| {
            *desktop >= 4 && *pool_drawn == Some(pool) && users.contains(drawn_user)
        }));
        assert_eq!(drawn.len(), 8, "every desktop with every user");
        let listed: Vec<_> = directory.pools().map(|(number, _)| number).collect();
        assert_eq!(listed, [1, pool]);
        assert_eq!(directory.pool_name(0), "pool-0000", "records of a retired pool keep its name");
    }

    #[test]
    fn the_last_of_each_kind_does_not_retire() {
        let mut directory = Directory::new(1, 1, 1, 1, false);
        directory.retire_desktop();
        directory.retire_user();
        directory.retire_pool();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        assert_eq!(directory.draw(&mut rng), (0, Some(0), 0));
        assert_eq!(directory.pools().count(), 1);
    }

    #[test]
    fn ids_look_like_uuids() {
        let directory = Directory::new(7, 2, 1, 1, false);
        assert_eq!(directory.desktop_id(0).len(), 36);
        assert_ne!(directory.desktop_id(0), directory.desktop_id(1));
    }
}
