//! A listing equals the simulator's truth, whatever the API's dialect and whatever moves meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use records_api::record::{Record, Term, TimeRange, Timestamp};
use records_api::secret::{Secret, Source};
use records_api::{
    ApiError, Auth, Client, Endpoint, Observer, PageSizeChange, RecordsFilter, Target,
};
use records_api_simulator::{
    DefaultOrder, Endpoint as Simulated, OverLimit, StartBound, Status, Ties, TotalCount,
};
use screen_records_exporter::listing::{
    Listing, ListingOptions, ReadError, SelectedListing, Selection,
};
use serde_json::json;
use url::form_urlencoded;

use crate::harness::{DAY, Harness, HarnessOptions, NOW, TOKEN, script};

struct Silent;

impl Observer for Silent {
    fn requested(&self, _: Endpoint, _: &str, _: Duration) {}
    fn asked_to_pause(&self, _: &ApiError, _: Duration) {}
    fn throttled(&self, _: Duration) {}
    fn cached(&self, _: Endpoint, _: Duration) {}
    fn renewal_failed(&self, _: &ApiError) {}
    fn page_size_changed(&self, _: PageSizeChange) {}
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn options(harness: &Harness, range: TimeRange) -> ListingOptions {
    let target = Target {
        endpoint: "http://api.invalid".parse().unwrap(),
        project_id: "0123abcd".to_owned(),
        auth: Auth::Token(Source::Value(Secret::from(TOKEN))),
    };
    let (limits, transport) = (harness.setup.limits.clone(), harness.transport.clone());
    let client = Client::new(
        target,
        limits,
        Arc::default(),
        transport,
        harness.clock.clone(),
        Arc::new(Silent),
    );
    ListingOptions {
        client: Arc::new(client),
        clock: harness.clock.clone(),
        range,
        filter: RecordsFilter::default(),
        hides_names: false,
    }
}

struct Listed {
    records: Vec<Record<'static>>,
    /// Number of records in the largest part.
    largest_part: usize,
    rejected: u64,
}

async fn list(options: ListingOptions) -> Result<Listed, ReadError> {
    let mut listing = Listing::new(options);
    let mut listed = Listed { records: Vec::new(), largest_part: 0, rejected: 0 };
    while let Some(part) = listing.next_part().await? {
        listed.largest_part = listed.largest_part.max(part.len());
        listed.rejected += part.rejected.values().sum::<u64>();
        listed.records.extend(part.into_records());
    }
    Ok(listed)
}

type Row = (i64, String, Option<i64>, i64, Option<i64>, Option<u32>, String, Option<String>);

fn row(record: &Record<'_>) -> Row {
    let status = match &record.status {
        Term::Known(status) => status.code().to_owned(),
        Term::Unknown(_) => "ARCHIVED".to_owned(),
        Term::Absent => "_none".to_owned(),
    };
    (
        record.start_time.millis(),
        record.id.to_string(),
        record.end_time.map(Timestamp::millis),
        record.update_time.map_or(0, Timestamp::millis),
        record.size.map(|size| i64::try_from(size).unwrap()).filter(|size| *size > 0),
        record.duration.filter(|duration| *duration > 0),
        status,
        record.username.as_ref().map(ToString::to_string),
    )
}

/// The records of the simulator that start in a range.
fn truth(harness: &Harness, range: TimeRange) -> Vec<Row> {
    let mut rows = harness.simulator().edit(|world| {
        let records = world.records_from(range.start.millis());
        let records = records.take_while(|record| range.contains(at(record.start)));
        let row = |record: &records_api_simulator::Record| {
            (
                record.start,
                format!("{:032x}", record.id),
                record.end,
                record.update,
                record.size.filter(|size| *size > 0),
                record.duration.filter(|duration| *duration > 0),
                record.status.code().to_owned(),
                record.user.map(|user| world.directory().user_name(user).to_owned()),
            )
        };
        records.map(row).collect::<Vec<_>>()
    });
    rows.sort();
    rows
}

fn days(from: i64, until: i64) -> TimeRange {
    let day = 86_400_000;
    TimeRange::new(at(NOW - from * day), at(NOW - until * day))
}

#[tokio::test(start_paused = true)]
async fn a_listing_is_exact_in_every_dialect() {
    let limits = [(1000, OverLimit::Refuse), (100, OverLimit::Clamp), (30, OverLimit::Refuse)];
    let mut seed = 0;
    for (limit_max, limit_over) in limits {
        for start_bound in StartBound::value_variants() {
            for ties in Ties::value_variants() {
                for total_count in TotalCount::value_variants() {
                    // The premise of a complete read.
                    let is_counted = matches!(total_count, TotalCount::Right | TotalCount::Text);
                    if !is_counted && *ties == Ties::Unstable {
                        continue;
                    }
                    seed += 1;
                    let mut setup = HarnessOptions::new(700);
                    setup.options.seed = seed;
                    setup.options.burst = 120;
                    let dialect = &mut setup.options.dialect;
                    (dialect.limit_max, dialect.limit_over) = (limit_max, limit_over);
                    (dialect.start_bound, dialect.ties) = (*start_bound, *ties);
                    dialect.total_count = *total_count;
                    dialect.default_order = DefaultOrder::Shuffled;
                    let what = format!("{dialect:?}");
                    let harness = setup.start();
                    for range in [days(16, -1), days(5, 2), days(20, 15), days(1, 0)] {
                        let listed = list(options(&harness, range)).await;
                        let listed = listed.unwrap_or_else(|error| panic!("{what}: {error}"));
                        let rows: Vec<_> = listed.records.iter().map(row).collect();
                        assert_eq!(rows, truth(&harness, range), "{what} {range:?}");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_listing_is_read_in_parts_with_few_requests() {
    for total_count in [TotalCount::Right, TotalCount::Missing, TotalCount::Page] {
        let mut setup = HarnessOptions::new(100_000);
        setup.options.dialect.total_count = total_count;
        let harness = setup.start();
        let range = days(16, -1);
        let listed = list(options(&harness, range)).await.unwrap();
        let rows: Vec<_> = listed.records.iter().map(row).collect();
        assert!(rows == truth(&harness, range), "{total_count:?}");
        assert!(listed.largest_part <= 9000, "{total_count:?}: {}", listed.largest_part);
        let asked = harness.asked();
        assert!(asked <= 130, "{total_count:?}: {asked} requests for 100 pages");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_an_api_that_is_asked_one_at_a_time_is_the_same() {
    let mut setup = HarnessOptions::new(30_000);
    setup.limits.max_concurrent_requests = 1;
    setup.options.dialect.limit_max = 100;
    setup.options.dialect.limit_over = OverLimit::Clamp;
    let harness = setup.start();
    let listed = list(options(&harness, days(16, -1))).await.unwrap();
    let rows: Vec<_> = listed.records.iter().map(row).collect();
    assert!(rows == truth(&harness, days(16, -1)));
}

/// Inserts, deletes and changes records everywhere after each page.
#[tokio::test(start_paused = true)]
async fn every_record_that_stays_is_listed_once_while_rows_move() {
    for (records, limit_max, seed) in [(3000, 100, 1), (3000, 1000, 2), (40_000, 1000, 3)] {
        let mut setup = HarnessOptions::new(records);
        setup.options.seed = seed;
        setup.options.dialect.limit_max = limit_max;
        setup.options.burst = 150;
        let harness = setup.start();
        let range = days(13, 1);
        let before = truth(&harness, range);
        harness.simulator().after_request(Simulated::Records, move |turn, world| {
            let count = world.len();
            let step = usize::try_from(turn.number).unwrap() * 7919;
            for n in 0..6 {
                let position = (step + n * count / 6) % count;
                let Some(record) = world.record_at(position).cloned() else { continue };
                match n % 3 {
                    0 => drop(world.insert_at(record.start + 1, Status::UploadCompleted)),
                    1 => drop(world.delete(record.id)),
                    _ => drop(world.set_status(record.id, Status::UploadFailed)),
                }
            }
        });
        let listed = list(options(&harness, range)).await.unwrap();
        harness.simulator().clear_hooks();
        let after = truth(&harness, range);
        let rows: Vec<_> = listed.records.iter().map(row).collect();
        assert!(rows.is_sorted_by(|one, other| (one.0, &one.1) < (other.0, &other.1)));
        let ids = |rows: &[Row]| rows.iter().map(|row| row.1.clone()).collect::<BTreeSet<_>>();
        let (listed, before, after) = (ids(&rows), ids(&before), ids(&after));
        let missing = before.intersection(&after).filter(|id| !listed.contains(*id)).count();
        let unknown =
            listed.iter().filter(|id| !before.contains(*id) && !after.contains(*id)).count();
        assert_eq!((missing, unknown), (0, 0), "{records} records, pages of {limit_max}");
        assert!(before != after, "the rows have moved");
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_one_second_are_listed_whole() {
    let mut setup = HarnessOptions::new(2000);
    setup.options.burst = 9000;
    setup.options.window = 2 * DAY;
    let harness = setup.start();
    let listed = list(options(&harness, days(3, 0))).await.unwrap();
    let rows: Vec<_> = listed.records.iter().map(row).collect();
    assert!(rows == truth(&harness, days(3, 0)));
}

#[tokio::test(start_paused = true)]
async fn rejected_rows_are_counted_and_too_many_fail() {
    let harness = HarnessOptions::new(20_000).start();
    harness.set_faults(&["kind=rows,as=no-start,share=0.0003"]);
    let listed = list(options(&harness, days(16, -1))).await.unwrap();
    assert!(listed.rejected > 0, "{} rejected", listed.rejected);
    assert_eq!(listed.records.len() as u64 + listed.rejected, 20_000);
    harness.set_faults(&["kind=rows,as=no-start,share=0.05"]);
    let error = list(options(&harness, days(16, -1))).await.err().unwrap();
    assert!(error.to_string().contains("rows could not be understood"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_fails_the_listing() {
    let harness = HarnessOptions::new(20_000).start();
    harness.set_faults(&["status=500,after=9"]);
    let error = list(options(&harness, days(16, -1))).await.err().unwrap();
    assert!(error.to_string().contains("500"), "{error}");
    assert!(error.request.contains("/v2/0123abcd/screen-records?"), "{}", error.request);
}

/// Returns an API with three records of ann, which lists nothing with a filter by user, and whose count
/// ignores the filter. `is_empty`: it lists nothing at all, and counts them.
fn miscounting(is_empty: bool) -> Harness {
    let starts = ["2026-11-19 10:00:00", "2026-11-19 11:00:00", "2026-11-19 12:00:00"];
    let transport = script(move |_, request| {
        let query = request.uri().query().unwrap().as_bytes();
        let query: std::collections::BTreeMap<_, _> =
            form_urlencoded::parse(query).into_owned().collect();
        let found: Vec<_> =
            starts.into_iter().filter(|start| *start >= &*query["start_time"]).collect();
        let rows = found.iter().skip(query["offset"].parse().unwrap());
        let rows = rows.take(query["limit"].parse().unwrap());
        let rows = rows.map(|start| json!({"id": start, "start_time": start, "username": "ann"}));
        let is_hidden = is_empty || query.contains_key("username");
        let rows: Vec<_> = rows.filter(|_| !is_hidden).collect();
        (200, json!({"screen_records": rows, "total_count": found.len()}).to_string())
    });
    HarnessOptions::new(0).start_at(transport)
}

async fn selected(harness: &Harness, user: Option<&str>) -> Result<usize, ReadError> {
    let range = TimeRange::new(at(NOW).plus_millis(-7 * 24 * 3_600_000), at(NOW));
    let selection = Selection { user: user.map(str::to_owned), ..Selection::default() };
    let mut listing = SelectedListing::new(options(harness, range), &selection).await?;
    let mut records = 0;
    while let Some(part) = listing.next_part().await? {
        records += part.into_records().filter(|record| selection.matches(record)).count();
    }
    Ok(records)
}

#[tokio::test(start_paused = true)]
async fn a_count_that_ignores_the_filter_proves_nothing() {
    let harness = miscounting(false);
    for (user, records) in [(Some("ann"), 3), (Some("bob"), 0), (None, 3)] {
        assert_eq!(selected(&harness, user).await.unwrap(), records, "{user:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_counts_records_and_lists_none_is_not_believed() {
    let harness = miscounting(true);
    for user in [Some("ann"), None] {
        let error = selected(&harness, user).await.unwrap_err();
        assert!(error.to_string().contains("the API counts 3 records but lists none"), "{error}");
    }
}
