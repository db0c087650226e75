//! Counters of label sets that appear while the process runs: by a reload, or by another limit.

use std::fs;
use std::time::Duration;

use records_api::secret::{SecretRules, Source};
use records_api_simulator::{Record, Status};
use screen_records_exporter::ledger::ValueLimit;
use screen_records_exporter::project::{PollOptions, ProjectConfig, Users};
use screen_records_exporter::snapshot::ProjectLabels;

use crate::harness::{Harness, HarnessOptions, Samples, is_counter};
use crate::support::folder;

const HOLD: u64 = 90;
const TRANSITIONS: &str = "workspace_screen_record_transitions_total{";
const USERS: &str = "workspace_user_screen_record_transitions_total{";

/// A process that has counted 5 failures and holds nothing back any more.
async fn begin(change: impl FnOnce(&mut HarnessOptions)) -> Harness {
    let mut setup = HarnessOptions::new(40);
    setup.options.odd_share = 0.0;
    setup.poll.counter_hold = Duration::from_secs(HOLD);
    change(&mut setup);
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    poll_after(&harness, 5).await;
    harness.shown();
    tokio::time::sleep(Duration::from_secs(HOLD)).await;
    assert_eq!(harness.transitions(), 5.0);
    harness
}

/// Polls ten seconds later, after so many failures.
async fn poll_after(harness: &Harness, failures: i64) {
    harness.simulator().edit(|world| {
        for n in 0..failures {
            world.insert_at(world.now() - n * 1000, Status::UploadFailed);
        }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(harness.poll().await, Ok(()));
}

fn reload(
    harness: &Harness,
    constant: &[(&str, &str)],
    options: impl FnOnce(PollOptions) -> PollOptions,
) {
    let earlier = harness.project.config();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let constant = constant.iter().map(owned).collect();
    let labels = ProjectLabels { constant, ..(*earlier.labels).clone() };
    let options = options(earlier.options.clone());
    let config = ProjectConfig::new(labels, options, earlier.client.clone());
    harness.project.replace_config(config);
}

fn counters(harness: &Harness) -> Samples {
    harness.shown().into_iter().filter(|(name, _)| is_counter(name)).collect()
}

fn sum(harness: &Harness, family: &str) -> f64 {
    harness.exposed().of(family).values().sum()
}

/// Asserts that series do not move for the hold, whatever is counted, and then show everything.
async fn assert_held(harness: &Harness, family: &str, first: f64, later: f64) {
    assert_eq!(sum(harness, family), first, "at once");
    for _ in 0..8 {
        poll_after(harness, 1).await;
        assert_eq!(sum(harness, family), first, "before the end of the hold");
    }
    tokio::time::sleep(Duration::from_secs(HOLD - 80)).await;
    assert_eq!(sum(harness, family), later + 8.0, "after the hold");
    poll_after(harness, 2).await;
    assert_eq!(sum(harness, family), later + 10.0, "they are held once");
}

#[tokio::test(start_paused = true)]
async fn series_with_new_constant_labels_start_at_zero_and_are_held() {
    let harness = begin(|_| ()).await;
    let before = counters(&harness);
    reload(&harness, &[("site", "north")], |options| options);
    let after = counters(&harness);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|(name, value)| name.contains("site=\"north\"") && *value == 0.0));
    assert_held(&harness, TRANSITIONS, 0.0, 5.0).await;
}

#[tokio::test(start_paused = true)]
async fn users_in_another_form_start_at_zero_and_are_held_alone() {
    let folder = folder();
    let key = folder.path().join("key");
    fs::write(&key, "a key of the hashes").unwrap();
    let hashed = || Users::hashed(Source::file(&key, SecretRules::PASSWORD)).unwrap();
    let harness = begin(|_| ()).await;
    let others = |harness: &Harness| {
        let mut shown = counters(harness);
        shown.retain(|name, _| !name.starts_with(USERS));
        shown
    };
    let before = others(&harness);
    reload(&harness, &[], |options| PollOptions { users: hashed(), ..options });
    assert_eq!(others(&harness), before, "they have the labels that they had");
    assert_held(&harness, USERS, 0.0, 5.0).await;
    assert_eq!(sum(&harness, TRANSITIONS), 15.0, "other series are not held");

    // The file of the key changes without a reload.
    fs::write(&key, "another key of them").unwrap();
    poll_after(&harness, 0).await;
    assert_held(&harness, USERS, 0.0, 15.0).await;
}

#[tokio::test(start_paused = true)]
async fn values_of_another_length_start_at_zero_and_are_held_alone() {
    let limit = |harness: &Harness, bytes| {
        let earlier = harness.project.config();
        let value_limit = ValueLimit::new(bytes);
        let labels = ProjectLabels { value_limit, ..(*earlier.labels).clone() };
        let (options, client) = (earlier.options.clone(), earlier.client.clone());
        harness.project.replace_config(ProjectConfig::new(labels, options, client));
    };
    let failures = |harness: &Harness, of_pools: bool| -> f64 {
        let shown = harness.exposed().of(TRANSITIONS).into_iter();
        let failures = shown.filter(|(name, _)| {
            name.contains("UPLOAD_FAILED") && name.contains("pool=\"_none\"") != of_pools
        });
        failures.map(|(_, value)| value).sum()
    };
    let harness = begin(|_| ()).await;
    harness.simulator().edit(|world| {
        for id in 1..=3 {
            let (pool, status) = (Some(0), Status::UploadFailed);
            world.insert(Record { pool, status, ..Record::new(id, world.now()) });
        }
    });
    poll_after(&harness, 0).await;
    assert_eq!(failures(&harness, true), 3.0, "the pool had records before");
    // Ids of pools have 36 bytes. Those that were shown before continue with their value.
    let limits = [(32, 0.0), (256, 3.0), (32, 3.0), (36, 3.0), (34, 0.0), (100, 3.0), (34, 3.0)];
    for (bytes, shown) in limits {
        limit(&harness, bytes);
        assert_eq!(failures(&harness, true), shown, "{bytes}");
        assert_eq!(failures(&harness, false), 5.0, "{bytes}: they have the labels that they had");
        tokio::time::sleep(Duration::from_secs(HOLD)).await;
        assert_eq!(failures(&harness, true), 3.0, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn label_sets_that_return_never_show_less_than_before() {
    let harness = begin(|_| ()).await;
    let site = [("site", "north")];
    for _ in 0..3 {
        let before = sum(&harness, TRANSITIONS);
        reload(&harness, &site, |options| options);
        poll_after(&harness, 2).await;
        let with_site = sum(&harness, TRANSITIONS);
        reload(&harness, &[], |options| options);
        assert!(sum(&harness, TRANSITIONS) >= before, "no counter decreases");
        poll_after(&harness, 1).await;
        let returned = sum(&harness, TRANSITIONS);
        reload(&harness, &site, |options| options);
        assert!(sum(&harness, TRANSITIONS) >= with_site);
        reload(&harness, &[], |options| options);
        assert!(sum(&harness, TRANSITIONS) >= returned);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_without_new_label_sets_holds_nothing() {
    let harness = begin(|_| ()).await;
    let before = counters(&harness);
    reload(&harness, &[], |options| PollOptions { max_users: 999, ..options });
    assert_eq!(counters(&harness), before);
    poll_after(&harness, 3).await;
    assert_eq!(harness.transitions(), 8.0);
}

#[tokio::test(start_paused = true)]
async fn users_that_a_higher_limit_shows_are_held() {
    let harness = begin(|setup| setup.poll.max_users = 1).await;
    let users = |harness: &Harness| -> Samples {
        let mut shown = counters(harness);
        shown.retain(|name, _| name.starts_with(USERS));
        shown
    };
    let before = users(&harness);
    reload(&harness, &[], |options| PollOptions { max_users: 1000, ..options });
    harness.simulator().edit(|world| {
        let ids: Vec<_> = world.records_from(i64::MIN).map(|record| record.id).collect();
        for id in ids {
            world.set_status(id, Status::RecFailed);
        }
    });
    poll_after(&harness, 0).await;
    let appeared = users(&harness);
    assert!(appeared.len() > before.len());
    for (name, value) in appeared.iter().filter(|(name, _)| !before.contains_key(*name)) {
        assert_eq!(*value, 0.0, "{name}");
    }
    tokio::time::sleep(Duration::from_secs(HOLD)).await;
    assert!(users(&harness).values().sum::<f64>() > appeared.values().sum::<f64>());
}
