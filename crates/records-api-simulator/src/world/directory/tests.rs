//! Unit tests of the directory.

use std::collections::BTreeSet;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;

fn sized(desktops: u32, users: u32, pools: u32, hostile: bool) -> Directory {
    let sizes = DirectorySizes { desktops, users, pools, buckets: 2, policies: 2 };
    Directory::new(1, sizes, hostile)
}

#[test]
fn hostile_names_are_unique_and_survive_json() {
    let directory = sized(100, 100, 3, true);
    assert_eq!(directory.users.len(), 100);
    for user in &directory.users {
        assert_eq!(serde_json::from_str::<String>(&user.json).unwrap(), user.text);
    }
    assert!(directory.find_user("<script>alert(1)</script>").is_some());
}

#[test]
fn one_desktop_in_five_is_not_in_a_pool() {
    let directory = sized(100, 1, 4, false);
    assert_eq!(directory.desktops.iter().filter(|d| d.pool.is_none()).count(), 20);
    assert!(sized(10, 1, 0, false).desktops.iter().all(|d| d.pool.is_none()));
}

#[test]
fn new_records_refer_to_what_is_not_retired() {
    let mut directory = sized(4, 2, 2, false);
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
    assert!(drawn.iter().all(|drawn| {
        drawn.desktop >= 4 && drawn.pool == Some(pool) && users.contains(&drawn.user)
    }));
    assert_eq!(drawn.len(), 8, "every desktop with every user");
    let listed: Vec<_> = directory.pools().map(|(number, _)| number).collect();
    assert_eq!(listed, [1, pool]);
    assert_eq!(directory.pool_name(0), "pool-0000", "records of a retired pool keep its name");
}

#[test]
fn the_last_of_each_kind_does_not_retire() {
    let mut directory = sized(1, 1, 1, false);
    directory.retire_desktop();
    directory.retire_user();
    directory.retire_pool();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let drawn = directory.draw(&mut rng);
    assert_eq!((drawn.desktop, drawn.pool, drawn.user), (0, Some(0), 0));
    assert_eq!(directory.pools().count(), 1);
}

#[test]
fn desktops_use_the_buckets_and_policies_that_are_not_retired() {
    let mut directory = sized(200, 1, 1, false);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut drawn = |directory: &Directory| -> (BTreeSet<_>, BTreeSet<_>) {
        (0..5000).map(|_| directory.draw(&mut rng)).map(|it| (it.bucket, it.policy)).unzip()
    };
    let both = BTreeSet::from([None, Some(0), Some(1)]);
    assert_eq!(drawn(&directory), (both.clone(), both));
    let (bucket, policy) = (directory.add_bucket("new"), directory.add_policy("new"));
    for _ in 0..2 {
        directory.retire_bucket();
        directory.retire_policy();
    }
    let new = (BTreeSet::from([None, Some(bucket)]), BTreeSet::from([None, Some(policy)]));
    assert_eq!(drawn(&directory), new);
    directory.retire_bucket();
    directory.retire_policy();
    assert_eq!(drawn(&directory), new, "the last ones stay");
}

#[test]
fn new_records_show_the_new_name_of_a_desktop() {
    let mut directory = sized(1, 1, 1, false);
    let renamed = directory.rename_desktop(0, "renamed");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    assert_eq!(directory.draw(&mut rng).desktop, renamed);
    assert_eq!(directory.desktop_id(renamed), directory.desktop_id(0));
    assert_eq!(directory.desktop_name(renamed), "renamed");
    assert_eq!(directory.desktop_name(0), "desktop-0000");
    assert_eq!(directory.desktop_count(0), 1);
}

#[test]
fn ids_look_like_uuids() {
    let directory = sized(2, 1, 1, false);
    assert_eq!(directory.desktop_id(0).len(), 36);
    assert_ne!(directory.desktop_id(0), directory.desktop_id(1));
}
