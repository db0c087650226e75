//! The desktops that have records, and their numbers by pool.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::labels::pool_label;
use crate::{
    dialect::TimeFormat,
    truth::{DesktopRecords, PoolDesktops},
    world::{World, record::Status},
};

/// Returns the desktops with records that started at or after `from`, by id.
pub(super) fn all(world: &World, from: i64, times: TimeFormat) -> Vec<DesktopRecords> {
    let directory = world.directory();
    let mut desktops = BTreeMap::<&str, DesktopRecords>::new();
    // The oldest record comes first, so the newest one sets name and pool.
    for record in world.records_from(from) {
        let id = directory.desktop_id(record.desktop);
        if id.is_empty() {
            continue;
        }
        let desktop = desktops.entry(id).or_insert_with(|| DesktopRecords {
            id: id.to_owned(),
            name: String::new(),
            pool: None,
            records: 0,
            failed: 0,
            last_start: i64::MIN,
            last_upload: None,
        });
        directory.desktop_name(record.desktop).clone_into(&mut desktop.name);
        desktop.pool = record.pool.map(|pool| directory.pool_id(pool).to_owned());
        desktop.records += 1;
        let failed = matches!(record.status, Status::RecFailed | Status::UploadFailed);
        desktop.failed += u64::from(failed);
        desktop.last_start = times.as_shown(record.start);
        if record.status == Status::UploadCompleted {
            desktop.last_upload = desktop.last_upload.max(Some(times.as_shown(record.update)));
        }
    }
    desktops.into_values().collect()
}

/// Returns the pools that have records that started at or after `from`, and those of the list of
/// pools, by id. A desktop counts in each pool that it has records of.
pub(super) fn by_pool(
    world: &World,
    from: i64,
    last_day: RangeInclusive<i64>,
    times: TimeFormat,
) -> Vec<PoolDesktops> {
    let mut pools = BTreeMap::<String, (BTreeSet<&str>, BTreeSet<&str>, Option<i64>)>::new();
    for (number, _) in world.directory().pools() {
        pools.entry(pool_label(world, Some(number))).or_default();
    }
    for record in world.records_from(from) {
        let (all, of_last_day, newest) = pools.entry(pool_label(world, record.pool)).or_default();
        *newest = Some(times.as_shown(record.start)).max(*newest);
        let id = world.directory().desktop_id(record.desktop);
        if id.is_empty() {
            continue;
        }
        all.insert(id);
        if last_day.contains(&times.as_shown(record.start)) {
            of_last_day.insert(id);
        }
    }
    let pools = pools.into_iter().map(|(id, (all, of_last_day, newest_start))| {
        let listed = world.directory().pools().find(|(_, pool)| pool.id == id);
        PoolDesktops {
            name: listed.map(|(_, pool)| pool.name.text.clone()),
            desktop_count: listed.map(|(n, _)| world.directory().desktop_count(n) as u64),
            pool: id,
            recorded: all.len() as u64,
            recorded_last_day: of_last_day.len() as u64,
            newest_start,
        }
    });
    pools.collect()
}
