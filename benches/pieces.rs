//! What a poll and a scrape are made of, each beside what it could be made of instead.
//!
//! `cargo bench --bench pieces`; `benches/whole` puts its medians into the table of BENCHMARKS.md.
//! The inputs come from the simulated API. Each comparison is checked for equal results before
//! anything is timed, so that no figure is of wrong work.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use http_body_util::BodyExt;
use prometheus::Encoder;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use records_api::SignIn;
use records_api::clock::{Clock, SystemClock};
use records_api::record::{RecordKey, TimeRange, Timestamp};
use records_api::wire::Page;
use records_api_simulator::{Options, Simulator};
use screen_records_exporter::exposition::{
    CounterValue, Format, HistogramValue, Labels, Sink, Value, write_projects,
};
use screen_records_exporter::ledger::{
    DurableLedger, LabelLimits, Ledger, PollFacts, ServedPoll, Staging, ValueLimit,
};
use screen_records_exporter::snapshot::{
    Aggregate, Confirmation, ProjectLabels, ProjectView, RecordsSnapshot, Snapshot, UserNames,
};
use tokio::time::Instant;
use tower::ServiceExt;

const PAGE: usize = 1000;
const RECORDS: usize = 100_000;
/// With six statuses and three families for each, and with the pools, 10,000 series.
const USERS: u32 = 520;

fn main() {
    check();
    divan::main();
}

/// 100 full pages of the simulated API, as bytes.
static PAGES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let options = Options { records: RECORDS, users: USERS, ..Options::default() };
    let simulator = Simulator::new(&options, || SystemClock.now_millis());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs nothing that could be missing");
    let page = async |offset: usize| {
        let path = format!(
            "/v2/p/screen-records?limit={PAGE}&offset={offset}&sort_field=start_time&sort_type=asc\
             &start_time=2000-01-01%2000%3A00%3A00"
        );
        let request = http::Request::get(path).body(axum::body::Body::empty());
        let answer = simulator.router().oneshot(request.expect("a valid path")).await;
        let body = answer.expect("a router never fails").into_body().collect().await;
        body.expect("a body in memory").to_bytes()
    };
    (0..RECORDS).step_by(PAGE).map(|offset| runtime.block_on(page(offset))).collect()
});

static LEDGER: LazyLock<DurableLedger> = LazyLock::new(|| {
    let mut ledger = DurableLedger::default();
    let staging = read_all(&ledger);
    commit(&mut ledger, staging);
    ledger
});

fn aggregate_of(ledger: &Ledger) -> Aggregate {
    Aggregate::of(ledger, &UserNames::Name)
}

fn commit(ledger: &mut DurableLedger, mut staging: Staging) {
    staging.cover(TimeRange::since(Timestamp::from_millis(0)));
    let limits = LabelLimits {
        users: 10_000,
        pools: 10_000,
        buckets: 10_000,
        policies: 10_000,
        value_bytes: ValueLimit::NONE,
    };
    let changes = ledger.diff(staging, PollFacts::default(), limits);
    ledger.commit(changes).expect("memory takes everything");
}

fn read_all(ledger: &Ledger) -> Staging {
    let mut staging = Staging::default();
    for body in PAGES.iter() {
        read_page(&mut staging, ledger, &Page::decode(body, 0).expect("a page"));
    }
    staging
}

fn read_page(staging: &mut Staging, ledger: &Ledger, page: &Page<'_>) {
    for row in &page.rows {
        let record = row.as_ref().expect("no row of the simulator is rejected");
        staging.read(ledger, RecordKey::of(&record.id), record);
    }
}

static VIEW: LazyLock<[ProjectView; 1]> = LazyLock::new(|| {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let records = RecordsSnapshot {
        aggregate: aggregate_of(&LEDGER),
        poll: ServedPoll { completed: now, oldest_read: now, ..ServedPoll::default() },
        completed_at: Instant::now(),
        pools: Vec::new(),
    };
    let labels = ProjectLabels { project: "bench".to_owned(), ..ProjectLabels::default() };
    let mut snapshot = Snapshot::new(Arc::new(labels), Duration::from_secs(15 * 86_400));
    snapshot.records = Some(Arc::new(records));
    [ProjectView {
        snapshot: Arc::new(snapshot),
        at: Instant::now(),
        first_sync_progress: 1.0,
        confirmation: Confirmation::Current,
        is_stale: false,
        sign_in: SignIn { method: "token", expires: None },
        page_size: 1000,
    }]
});

/// The same families for the `prometheus` crate's encoder.
static FAMILIES: LazyLock<Vec<MetricFamily>> = LazyLock::new(families);

fn families() -> Vec<MetricFamily> {
    let mut families = Families::default();
    write_projects(&*VIEW, &mut families);
    families.0.retain(|family| !family.get_metric().is_empty());
    families.0
}

#[derive(Default)]
struct Families(Vec<MetricFamily>, Vec<&'static str>);

impl Sink for Families {
    fn family(&mut self, metric: &'static screen_records_exporter::exposition::Metric) {
        let mut family = MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(MetricType::GAUGE);
        self.0.push(family);
        self.1 = metric.labels.to_vec();
    }

    fn histogram(&mut self, _: Labels<'_>, _: &HistogramValue<'_>) {
        unreachable!("the view holds gauges only");
    }

    fn counter(&mut self, _: Labels<'_>, _: &CounterValue<'_>) {
        unreachable!("the view holds gauges only");
    }

    fn gauge(&mut self, labels: Labels<'_>, value: Value) {
        let pairs = self.1.iter().zip(labels.values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let mut sample = Metric::from_label(pairs.collect());
        let mut gauge = Gauge::default();
        gauge.set_value(value.as_f64());
        sample.set_gauge(gauge);
        self.0.last_mut().expect("a family comes first").mut_metric().push(sample);
    }
}

fn encoded(format: Format) -> Vec<u8> {
    format.encode(false, |sink| write_projects(&*VIEW, sink))
}

fn text() -> Vec<u8> {
    encoded(Format::Text)
}

fn text_by_the_prometheus_crate() -> Vec<u8> {
    by_the_prometheus_crate(&FAMILIES)
}

fn by_the_prometheus_crate(families: &[MetricFamily]) -> Vec<u8> {
    let mut text = Vec::new();
    prometheus::TextEncoder::new().encode(families, &mut text).expect("valid families");
    text
}

fn series() -> usize {
    FAMILIES.iter().map(|family| family.get_metric().len()).sum()
}

/// Both sides of each comparison do the same work, and all of it.
fn check() {
    for body in PAGES.iter() {
        let page = Page::decode(body, 0).expect("a page");
        let value: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        let rows = value["screen_records"].as_array().expect("a list of records");
        assert_eq!((page.rows.len(), rows.len()), (PAGE, PAGE));
        for (row, value) in page.rows.iter().zip(rows) {
            let record = row.as_ref().expect("no row of the simulator is rejected");
            assert_eq!(value["id"], *record.id);
            assert_eq!(value["size"].as_u64(), record.size);
            assert_eq!(value["duration"].as_u64(), record.duration.map(u64::from));
        }
    }
    assert_eq!(LEDGER.len(), RECORDS);
    assert_eq!(aggregate_of(&LEDGER).records, RECORDS as u64);
    assert!((10_000..10_500).contains(&series()), "{} series", series());
    assert!(text() == text_by_the_prometheus_crate(), "the two texts differ");
}

/// A page of 1000 rows from its bytes; another page each time, as a poll has it.
mod decode {
    use super::{Bencher, BytesCount, PAGES, Page, black_box};

    #[divan::bench]
    fn exporter(bencher: Bencher<'_, '_>) {
        bencher
            .with_inputs(pages_in_turn())
            .input_counter(|body| BytesCount::of_slice(*body))
            .bench_local_values(|body| {
                Page::decode(black_box(body), 0).expect("a page").rows.len()
            });
    }

    #[divan::bench]
    fn serde_json_value(bencher: Bencher<'_, '_>) {
        let rows = |body: &[u8]| {
            let value: serde_json::Value = serde_json::from_slice(black_box(body)).expect("JSON");
            value["screen_records"].as_array().map(Vec::len)
        };
        bencher
            .with_inputs(pages_in_turn())
            .input_counter(|body| BytesCount::of_slice(*body))
            .bench_local_values(rows);
    }

    fn pages_in_turn() -> impl FnMut() -> &'static [u8] {
        let mut pages = PAGES.iter().cycle();
        move || pages.next().expect("it begins again")
    }
}

/// 100,000 decoded records into the ledger, when all are new and when all are known.
mod ledger {
    use super::{
        Bencher, DurableLedger, ItemsCount, PAGES, Page, RECORDS, Staging, commit, read_all,
        read_page,
    };

    #[divan::bench]
    fn first_reading(bencher: Bencher<'_, '_>) {
        let pages: Vec<_> =
            PAGES.iter().map(|body| Page::decode(body, 0).expect("a page")).collect();
        bencher.counter(ItemsCount::new(RECORDS)).with_inputs(DurableLedger::default).bench_refs(
            |ledger| {
                let mut staging = Staging::default();
                for page in &pages {
                    read_page(&mut staging, ledger, page);
                }
                commit(ledger, staging);
            },
        );
    }

    #[divan::bench]
    fn later_reading(bencher: Bencher<'_, '_>) {
        let pages: Vec<_> =
            PAGES.iter().map(|body| Page::decode(body, 0).expect("a page")).collect();
        let mut ledger = DurableLedger::default();
        let staging = read_all(&ledger);
        commit(&mut ledger, staging);
        bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
            let mut staging = Staging::default();
            for page in &pages {
                read_page(&mut staging, &ledger, page);
            }
            commit(&mut ledger, staging);
        });
    }
}

/// 100,000 records of the ledger into sums by label set.
#[divan::bench]
fn fold(bencher: Bencher<'_, '_>) {
    let ledger = &*LEDGER;
    bencher.counter(ItemsCount::new(RECORDS)).bench(|| aggregate_of(black_box(ledger)));
}

/// 10,000 series into text.
mod exposition {
    use super::{
        Bencher, Format, ItemsCount, by_the_prometheus_crate, encoded, families, series, text,
        text_by_the_prometheus_crate,
    };

    #[divan::bench]
    fn exporter(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(series())).bench(text);
    }

    #[divan::bench]
    fn exporter_openmetrics(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(series())).bench(|| encoded(Format::OpenMetrics100));
    }

    #[divan::bench]
    fn exporter_protobuf(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(series())).bench(|| encoded(Format::Protobuf));
    }

    /// Families that are at hand, as they would be of a snapshot that was encoded before.
    #[divan::bench]
    fn prometheus_crate(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(series())).bench(text_by_the_prometheus_crate);
    }

    /// From a new snapshot on, as the exporter's own.
    #[divan::bench]
    fn prometheus_crate_of_a_snapshot(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(series())).bench(|| by_the_prometheus_crate(&families()));
    }
}
