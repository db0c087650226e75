//! The truth about buckets, policies, pools and desktops agrees with the lists.

use super::*;

const DAY: i64 = 86_400_000;
const FROM: i64 = NOW - 15 * DAY;
const ALL: &str = "sort_field=start_time&sort_type=asc";

fn hostile() -> Simulator {
    simulator(|options| {
        options.hostile_names = true;
        options.failure_share = 0.1;
        options.odd_share = 0.02;
    })
}

fn millis(row: &Value, field: &str) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(row[field].as_str()?).unwrap();
    Some(time.timestamp_millis())
}

#[tokio::test(start_paused = true)]
async fn buckets_and_policies_add_up_to_the_list() {
    let simulator = hostile();
    let (rows, _) = list(&simulator, ALL, 1000).await;
    let truth = simulator.truth(i64::MIN);
    let cells = |group: &str, status: &str, sums: Sums| {
        let key = (group.to_owned(), status.to_owned(), "_none".to_owned());
        (key, (sums.count, sums.size, sums.duration))
    };
    let buckets: Cells =
        truth.by_bucket.iter().map(|row| cells(&row.bucket, row.status, row.sums)).collect();
    assert_eq!(added_up(&rows, ["obs_bucket", "status", "no such field"]), buckets);
    let policies: Cells =
        truth.by_policy.iter().map(|row| cells(&row.policy, row.status, row.sums)).collect();
    assert_eq!(added_up(&rows, ["policy_id", "status", "no such field"]), policies);
    let names: std::collections::BTreeSet<_> = buckets.keys().map(|(name, ..)| name).collect();
    let expected = ["O\"Brien \"the quote\"", "_none", "back\\slash\\", "wks-screen-records-0001"];
    assert!(names.iter().copied().eq(expected.iter()), "{names:?}");
    assert!(policies.keys().any(|(id, ..)| id == "_none") && policies.len() > 20);
    assert!(truth.by_bucket.iter().all(|row| {
        row.bucket == "_none" || !["RECORDING", "REC_FAILED"].contains(&row.status)
    }));
}

#[tokio::test(start_paused = true)]
async fn desktops_and_their_numbers_by_pool_agree_with_the_lists() {
    let simulator = hostile();
    simulator.edit(|world| {
        world.directory_mut().add_pool("idle");
        world.directory_mut().retire_pool();
    });
    let (rows, _) = list(&simulator, ALL, 1000).await;
    let truth = simulator.truth(i64::MIN);
    let mut desktops = BTreeMap::<String, DesktopRecords>::new();
    let mut pools = BTreeMap::<String, Vec<(String, i64)>>::new();
    for row in &rows {
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        let (id, start) = (text("desktop_id").unwrap(), millis(row, "start_time").unwrap());
        let pool = text("desktop_pool_id");
        let by_pool = pools.entry(pool.clone().unwrap_or_else(|| "_none".to_owned())).or_default();
        by_pool.push((id.clone(), start));
        let before = desktops.get(&id);
        let failed =
            ["REC_FAILED", "UPLOAD_FAILED"].contains(&row["status"].as_str().unwrap_or(""));
        let uploaded = row["status"] == "UPLOAD_COMPLETED";
        let update = millis(row, "update_time").filter(|_| uploaded);
        let desktop = DesktopRecords {
            name: text("desktop_name").unwrap(),
            pool,
            records: before.map_or(0, |it| it.records) + 1,
            failed: before.map_or(0, |it| it.failed) + u64::from(failed),
            last_start: start,
            last_upload: before.and_then(|it| it.last_upload).max(update),
            id: id.clone(),
        };
        desktops.insert(id, desktop);
    }
    assert_eq!(truth.desktops, desktops.into_values().collect::<Vec<_>>());
    let listed = json(&simulator, "/v2/p/desktop-pools").await.1;
    let listed = listed["desktop_pools"].as_array().unwrap();
    let mut idle = 0;
    for shown in &truth.pools {
        let records = pools.remove(&shown.pool).unwrap_or_default();
        let distinct = |from: i64| {
            let ids = records.iter().filter(|(_, start)| *start >= from).map(|(id, _)| id);
            ids.collect::<std::collections::BTreeSet<_>>().len() as u64
        };
        assert_eq!(shown.recorded, distinct(i64::MIN));
        assert_eq!(shown.recorded_last_day, distinct(truth.now - DAY));
        assert_eq!(shown.newest_start, records.iter().map(|(_, start)| *start).max());
        let row = listed.iter().find(|row| row["id"] == *shown.pool);
        assert_eq!(shown.desktop_count, row.and_then(|row| row["desktop_count"].as_u64()));
        assert_eq!(shown.name.as_deref(), row.and_then(|row| row["name"].as_str()));
        idle += usize::from(records.is_empty());
    }
    assert!(pools.is_empty());
    assert_eq!((idle, truth.pools.len()), (1, 10), "the new one; `_none`");
    assert_eq!(truth.pools.iter().filter(|pool| pool.desktop_count.is_none()).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_newest_record_names_a_desktop_and_its_pool() {
    let simulator = simulator(|options| options.records = 0);
    simulator.edit(|world| {
        let renamed = world.directory_mut().rename_desktop(0, "new name");
        let insert = |world: &mut World, id, hours: i64, desktop, pool| {
            let start = NOW - hours * 3_600_000;
            assert!(world.insert(Record { desktop, pool, ..Record::new(id, start) }));
        };
        insert(world, 1, 2, renamed, Some(1));
        insert(world, 2, 30, 0, Some(0));
        insert(world, 3, 24, 1, Some(0));
        insert(world, 4, 1, u32::MAX, Some(0));
        assert!(world.set_status(2, Status::UploadCompleted));
    });
    let truth = simulator.truth(FROM);
    let shown = |row: &DesktopRecords| (row.name.clone(), row.records, row.last_start - NOW);
    let mut shown: Vec<_> = truth.desktops.iter().map(shown).collect();
    shown.sort();
    let hours = |hours: i64| -hours * 3_600_000;
    let expected =
        [("desktop-0001".to_owned(), 1, hours(24)), ("new name".to_owned(), 2, hours(2))];
    assert_eq!(shown, expected);
    let renamed = truth.desktops.iter().find(|row| row.records == 2).unwrap();
    let pools = ["0", "1"].map(|n| n.parse().unwrap());
    let ids = simulator.edit(|world| pools.map(|n| world.directory().pool_id(n).to_owned()));
    assert_eq!((renamed.pool.as_ref(), renamed.last_upload), (Some(&ids[1]), Some(NOW)));
    let numbers = ids.map(|id| {
        let pool = truth.pools.iter().find(|pool| pool.pool == id).unwrap();
        (pool.recorded, pool.recorded_last_day, pool.newest_start.unwrap() - NOW)
    });
    assert_eq!(numbers, [(2, 1, hours(1)), (1, 1, hours(2))]);
    let late = simulator.truth_of_day(FROM, NOW + 1);
    let days = |truth: &Truth| truth.pools.iter().map(|pool| pool.recorded_last_day).sum::<u64>();
    assert_eq!((days(&truth), days(&late)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn each_entry_into_upload_completed_adds_size_and_duration() {
    let simulator = simulator(|options| options.records = 100);
    assert_eq!(simulator.truth(FROM).uploads, []);
    simulator.edit(|world| {
        let record = Record { kind: Kind::Session, ..Record::new(1, NOW - 60_000) };
        assert!(world.insert(record));
        for status in [Status::UploadCompleted, Status::UploadFailed, Status::UploadCompleted] {
            assert!(world.set_status(1, status));
        }
        let unknown = Record { status: Status::UploadCompleted, ..Record::new(2, NOW) };
        assert!(world.insert(Record { pool: Some(0), ..unknown }));
    });
    let uploads = simulator.truth(FROM).uploads;
    let shown: Vec<_> = uploads.iter().map(|row| (row.kind, row.size, row.duration)).collect();
    assert_eq!(shown, [("FULL", 0, 0), ("SESSION", 200_000_000, 120)]);
    assert_eq!(uploads[1].pool, "_none");
}
