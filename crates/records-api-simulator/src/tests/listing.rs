//! The list in every dialect: matches, order, spelling.

use super::*;

/// Returns the ids of the records that a list must match, checked one by one.
fn matching(simulator: &Simulator, matches: impl Fn(&World, &Record) -> bool) -> Vec<String> {
    simulator.edit(|world| {
        let records = world.records_from(i64::MIN).filter(|record| matches(world, record));
        let mut ids: Vec<_> = records.map(|record| hex(record.id)).collect();
        ids.sort();
        ids
    })
}

#[tokio::test(start_paused = true)]
async fn every_filter_matches_the_right_records() {
    let simulator = simulator(|options| options.hostile_names = true);
    let (desktop, name) = simulator.edit(|world| {
        (world.directory().desktop_id(3).to_owned(), world.directory().desktop_name(5).to_owned())
    });
    let (rows, _) = list(&simulator, "username=O%22Brien+%22the%20quote%22", 7).await;
    let expected = matching(&simulator, |world, record| {
        record
            .user
            .is_some_and(|user| world.directory().user_name(user) == "O\"Brien \"the quote\"")
    });
    assert!(!expected.is_empty());
    assert_eq!(ids(&rows), expected);
    let (rows, total) = list(&simulator, &format!("desktop_id={desktop}"), 1000).await;
    assert_eq!(ids(&rows), matching(&simulator, |_, record| record.desktop == 3));
    assert_eq!(total, rows.len());
    let (rows, _) = list(&simulator, &format!("desktop_names={name},desktop-0007"), 1000).await;
    assert_eq!(ids(&rows), matching(&simulator, |_, r| r.desktop == 5 || r.desktop == 7));
    let (rows, _) = list(&simulator, "type=SESSION&status=UPLOAD_COMPLETED", 50).await;
    let expected = matching(&simulator, |_, record| {
        (record.kind, record.status) == (Kind::Session, Status::UploadCompleted)
    });
    assert_eq!(ids(&rows), expected);
    let (rows, _) = list(&simulator, "status=RECORDING", 3).await;
    assert_eq!(ids(&rows), matching(&simulator, |_, r| r.status == Status::Recording));
    let (rows, total) = list(&simulator, "username=nobody", 10).await;
    assert_eq!((rows.len(), total), (0, 0.into()));
}

#[tokio::test(start_paused = true)]
async fn bounds_follow_the_dialect() {
    let simulator = simulator(|options| {
        options.live = 30.0;
        options.failure_share = 0.2;
    });
    pass(3600).await;
    let now = NOW + 3_600_000;
    simulator.edit(|world| assert!(world.insert(Record::new(1, NOW - 9 * 86_400_000))));
    let (from, to) = (NOW - 86_400_000, now - 600_000);
    let filter = format!("start_time={}&end_time={}", space(from), space(to));
    let last = |record: &Record| record.end.unwrap_or(record.update);
    for start_bound in [StartBound::Start, StartBound::Interval, StartBound::End] {
        for end_bound in [EndBound::Start, EndBound::Interval, EndBound::End] {
            simulator.set_dialect(|dialect| {
                dialect.start_bound = start_bound;
                dialect.end_bound = end_bound;
            });
            for (extra, status) in [("", None), ("&status=RECORDING", Some(Status::Recording))] {
                let expected = matching(&simulator, |_, record| {
                    let lasts = record.end.is_none() && record.status == Status::Recording;
                    let after = match start_bound {
                        StartBound::Start => record.start >= from,
                        StartBound::Interval => lasts || last(record) >= from,
                        StartBound::End => record.end.is_none_or(|end| end >= from),
                    };
                    let before = match end_bound {
                        EndBound::End => record.end.is_some_and(|end| end <= to),
                        _ => record.start <= to,
                    };
                    after && before && status.is_none_or(|status| status == record.status)
                });
                let (rows, total) = list(&simulator, &format!("{filter}{extra}"), 300).await;
                assert_eq!(ids(&rows), expected, "{start_bound:?} {end_bound:?} {extra}");
                assert_eq!(total, rows.len());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_follow_the_requested_order() {
    let simulator = simulator(|options| options.burst = 60);
    let starts = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["start_time"].as_str().unwrap().to_owned()).collect()
    };
    for ties in [Ties::Stable, Ties::Unstable] {
        simulator.set_dialect(|dialect| dialect.ties = ties);
        let (up, _) = list(&simulator, "sort_field=start_time&sort_type=asc", 1000).await;
        assert!(starts(&up).is_sorted());
        let (down, _) = list(&simulator, "sort_field=start_time&sort_type=desc", 1000).await;
        let mut reversed = starts(&down);
        reversed.reverse();
        assert_eq!(reversed, starts(&up));
    }
    let uri = format!("{LIST}?limit=1000&sort_field=start_time&sort_type=asc");
    let once = json(&simulator, &uri).await.1;
    let again = json(&simulator, &uri).await.1;
    assert_ne!(once, again, "the order of equal starts differs");
    let order = |page: &Value| starts(page["screen_records"].as_array().unwrap());
    assert_eq!(order(&once), order(&again));
    simulator.set_dialect(|dialect| dialect.ties = Ties::Stable);
    assert_eq!(json(&simulator, &uri).await, json(&simulator, &uri).await);
    simulator.set_dialect(|dialect| {
        dialect.default_order = DefaultOrder::Shuffled;
        dialect.sort = SortSupport::Ignored;
    });
    let (_, shuffled) = json(&simulator, &uri).await;
    let (_, other) = json(&simulator, &uri).await;
    assert!(!order(&shuffled).is_sorted());
    assert_ne!(shuffled, other);
    let whole = format!("{LIST}?limit=1000");
    let mut seen = ids(json(&simulator, &whole).await.1["screen_records"].as_array().unwrap());
    seen.dedup();
    assert_eq!(seen.len(), 1000, "no duplicate rows on a shuffled page");
}

#[tokio::test(start_paused = true)]
async fn total_counts_follow_the_dialect() {
    let simulator = simulator(|_| ());
    for (total_count, expected) in [
        (TotalCount::Right, Value::from(2000)),
        (TotalCount::Off, Value::from(2007)),
        (TotalCount::Page, Value::from(10)),
        (TotalCount::Negative, Value::from(-1)),
        (TotalCount::Null, Value::Null),
        (TotalCount::Text, Value::from("2000")),
    ] {
        simulator.set_dialect(|dialect| dialect.total_count = total_count);
        let (_, page) = json(&simulator, &format!("{LIST}?limit=10")).await;
        assert_eq!(page["total_count"], expected);
        assert!(page.as_object().unwrap().contains_key("total_count"));
    }
    simulator.set_dialect(|dialect| dialect.total_count = TotalCount::Missing);
    let (_, page) = json(&simulator, &format!("{LIST}?limit=10")).await;
    assert!(!page.as_object().unwrap().contains_key("total_count"));
}

#[tokio::test(start_paused = true)]
async fn missing_values_follow_the_dialect() {
    let simulator = simulator(|options| options.records = 0);
    simulator.edit(|world| world.insert(Record::new(7, NOW)));
    let uri = format!("{LIST}/{}", hex(7));
    let (_, absent) = json(&simulator, &uri).await;
    assert!(absent.get("size").is_none() && absent.get("desktop_pool_id").is_none());
    simulator.set_dialect(|dialect| {
        dialect.missing = MissingValue::Null;
        dialect.missing_pool = MissingValue::Empty;
    });
    let (_, row) = json(&simulator, &uri).await;
    assert_eq!(row.as_object().unwrap().len(), 21);
    assert_eq!((&row["size"], &row["desktop_pool_id"]), (&Value::Null, &"".into()));
    simulator.set_dialect(|dialect| dialect.missing = MissingValue::Empty);
    let (_, row) = json(&simulator, &uri).await;
    assert_eq!((&row["duration"], &row["end_time"]), (&0.into(), &"".into()));
}

#[tokio::test(start_paused = true)]
async fn every_vocabulary_is_used() {
    let simulator = simulator(|options| options.records = 0);
    simulator.edit(|world| {
        let mut record = Record::new(7, NOW);
        record.kind = Kind::Operation;
        world.insert(record);
        world.set_status(7, Status::UploadCompleted)
    });
    let uri = format!("{LIST}/{}", hex(7));
    for (vocabulary, status, kind) in [
        (Vocabulary::Codes, "UPLOAD_COMPLETED", "OPERATION"),
        (
            Vocabulary::English,
            "upload completed",
            "screen recording triggered by a specific user operation",
        ),
        (Vocabulary::Chinese, "上传完成", "用户操作录屏"),
        (Vocabulary::Legacy, "Uploaded", "USER_OPERATION"),
        (Vocabulary::LowerCase, "upload_completed", "operation"),
        (
            Vocabulary::UpperCase,
            "UPLOAD COMPLETED",
            "SCREEN RECORDING TRIGGERED BY A SPECIFIC USER OPERATION",
        ),
    ] {
        simulator.set_dialect(|dialect| dialect.vocabulary = vocabulary);
        let (_, row) = json(&simulator, &uri).await;
        assert_eq!((&row["status"], &row["type"]), (&status.into(), &kind.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn pools_are_listed_page_by_page() {
    let simulator = simulator(|_| ());
    let (_, page) = json(&simulator, "/v2/p/desktop-pools?limit=3&offset=6").await;
    assert_eq!(page["total_count"], 8);
    let pools = page["desktop_pools"].as_array().unwrap();
    assert_eq!((pools.len(), &pools[0]["name"]), (2, &"pool-0006".into()));
    assert_eq!(json(&simulator, "/v2/p/desktop-pools?limit=1001").await.0, 400);
}
