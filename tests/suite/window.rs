//! The reading of a window against a model of the API, over its dialects.
//!
//! The model is written from the API's documents and their contradictions, not from the walk: it
//! sorts, cuts and counts rows as some server might, and the reading must end with exactly the
//! rows that the window holds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use records_api::RecordsFilter;
use records_api::record::{Record, RecordKey, Rejection, RejectionReason, Row, Timestamp};
use records_api::wire::Page;
use screen_records_exporter::ledger::{
    ApiCounts, DurableLedger, LabelLimits, Ledger, PollFacts, ValueLimit,
};
use screen_records_exporter::sync::{Extent, ExtentReader, Next, PageRequest, SyncError};

/// 2026-11-01T00:00:00Z
const WINDOW_START: i64 = 1_793_491_200_000;
const WINDOW_SECONDS: i64 = 3600;

/// What the server compares the parameter `start_time` with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Start,
    StrictStart,
    Interval,
    End,
    Nothing,
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a way of the server of its own")]
struct Dialect {
    bound: Bound,
    most_rows: usize,
    shuffles_equals: bool,
    whole_seconds: bool,
    /// Each answer has as many rows as it likes, up to `most_rows`.
    unsteady: bool,
    /// Answers have a right count.
    counts: bool,
}

#[derive(Debug, Clone)]
struct Recording {
    id: u32,
    start: i64,
    end: Option<i64>,
    /// Its row comes without a readable start, though the server sorts by it.
    broken: bool,
}

struct Server {
    recordings: Vec<Recording>,
    dialect: Dialect,
    answers: u64,
}

impl Server {
    fn shown_start(&self, recording: &Recording) -> i64 {
        if self.dialect.whole_seconds {
            recording.start.div_euclid(1000) * 1000
        } else {
            recording.start
        }
    }

    fn answer(&mut self, request: &PageRequest) -> (Vec<Recording>, Option<u64>) {
        self.answers += 1;
        let bound = request.start_time.millis();
        let lasting = |end: Option<i64>| end.is_none_or(|end| end >= bound);
        let mut rows: Vec<_> = self
            .recordings
            .iter()
            .filter(|recording| match self.dialect.bound {
                Bound::Start => recording.start >= bound,
                Bound::StrictStart => recording.start > bound,
                Bound::Interval | Bound::End => lasting(recording.end),
                Bound::Nothing => true,
            })
            .cloned()
            .collect();
        let salt = if self.dialect.shuffles_equals { self.answers } else { 0 };
        rows.sort_by_key(|row| (self.shown_start(row), mixed(u64::from(row.id) | salt << 32)));
        let offset = usize::try_from(request.offset).unwrap();
        let mut limit = self.dialect.most_rows.min(request.limit as usize);
        if self.dialect.unsteady {
            let drawn = mixed(self.answers << 8 | 1) % limit as u64;
            limit = 1 + usize::try_from(drawn).unwrap();
        }
        let total = self.dialect.counts.then_some(rows.len() as u64);
        (rows.into_iter().skip(offset).take(limit).collect(), total)
    }

    fn expected(&self) -> BTreeSet<RecordKey> {
        let inside = self
            .recordings
            .iter()
            .filter(|row| !row.broken && self.shown_start(row) >= WINDOW_START);
        inside.map(|recording| RecordKey::of(&recording.id.to_string())).collect()
    }
}

/// The finalizer of splitmix64: an order without pattern.
fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

fn page_of<'a>(server: &Server, (rows, total_count): (Vec<Recording>, Option<u64>)) -> Page<'a> {
    let rows = rows.into_iter().map(|row| {
        if row.broken {
            return Err(Rejection { reason: RejectionReason::NoStartTime, id: None });
        }
        let start = Timestamp::from_millis(server.shown_start(&row));
        let mut record = Record::new(row.id.to_string(), start);
        record.end_time = row.end.map(Timestamp::from_millis);
        Ok(record)
    });
    Page { total_count, rows: rows.collect() }
}

fn new_read(limit: u32) -> ExtentReader {
    let start = Timestamp::from_millis(WINDOW_START);
    let now = start.plus_millis(WINDOW_SECONDS * 1000);
    ExtentReader::new(
        Extent::since(start),
        now,
        limit,
        ApiCounts::default(),
        RecordsFilter::default(),
    )
}

/// Reads the window with several requests under way, answered in an order drawn from `order`.
/// `between` is called before each answer.
fn read_window(
    server: &mut Server,
    limit: u32,
    order: u64,
    mut between: impl FnMut(&mut Server),
) -> Result<BTreeSet<RecordKey>, SyncError> {
    let mut ledger = DurableLedger::default();
    let mut read = new_read(limit);
    let mut under_way: Vec<PageRequest> = Vec::new();
    let mut order = order | 1;
    loop {
        let next = if under_way.len() < 4 { read.next_page() } else { Next::Wait };
        match next {
            Next::Request(request) => {
                under_way.push(request);
                continue;
            }
            Next::Done => break,
            Next::Wait => {}
        }
        order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let chosen = usize::try_from(order >> 33).unwrap() % under_way.len();
        let request = under_way.swap_remove(chosen);
        between(server);
        let rows = server.answer(&request);
        let page = page_of(server, rows);
        read.take(&request, &page, &ledger)?;
        assert!(server.answers < 20_000, "the walk does not end");
    }
    let (staging, summary) = read.finish(&ledger)?;
    summary.check_rejections(0)?;
    let changes = ledger.diff(
        staging,
        PollFacts::default(),
        LabelLimits { users: 1, pools: 1, buckets: 1, policies: 1, value_bytes: ValueLimit::NONE },
    );
    ledger.commit(changes).unwrap();
    Ok(ledger.shown().map(|record| record.key).collect())
}

fn recordings(most: usize) -> impl Strategy<Value = Vec<Recording>> {
    // Starts from ten minutes before the window to its end; a third of them in a few bursts.
    let start = prop_oneof![
        2 => -600_000..WINDOW_SECONDS * 1000,
        1 => prop::sample::select(vec![-1000, 0, 1_800_000, 1_800_001, 3_599_000]),
    ];
    let end = prop::option::weighted(0.8, 0..900_000_i64);
    prop::collection::vec((start, end), 0..most).prop_map(|rows| {
        let numbered = rows.into_iter().zip(0_u32..);
        numbered
            .map(|((start, length), id)| {
                let start = WINDOW_START + start;
                Recording { id, start, end: length.map(|length| start + length), broken: false }
            })
            .collect()
    })
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let bounds = [Bound::Start, Bound::StrictStart, Bound::Interval, Bound::End, Bound::Nothing];
    let bound = prop::sample::select(bounds.to_vec());
    let most_rows = prop::sample::select(vec![1, 2, 3, 7, 10, 50, 100, 1000]);
    (bound, most_rows, any::<[bool; 4]>()).prop_map(
        |(bound, most_rows, [shuffles_equals, whole_seconds, unsteady, counts])| Dialect {
            bound,
            most_rows,
            shuffles_equals,
            whole_seconds,
            unsteady,
            counts,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_dialect_gives_exactly_the_window(
        recordings in recordings(160),
        broken in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        dialect in dialects(),
        limit in prop::sample::select(vec![1_u32, 2, 5, 10, 100, 1000]),
        order in any::<u64>(),
    ) {
        let mut recordings = recordings;
        for index in broken {
            // Where a row without identity may be anywhere in its group, it may count twice.
            if !recordings.is_empty() && !dialect.shuffles_equals {
                let count = recordings.len();
                recordings[index.index(count)].broken = true;
            }
        }
        let most = u32::try_from(dialect.most_rows).unwrap();
        let mut server = Server { recordings, dialect, answers: 0 };
        let expected = server.expected();
        let may_have_short_pages =
            server.dialect.unsteady || limit.min(most) < 100 || server.recordings.len() < 10;
        let has_broken = server.recordings.iter().any(|recording| recording.broken);
        match read_window(&mut server, limit, order, |_| {}) {
            // A short page may consist of broken rows, and so may the last one of small pages.
            Err(SyncError::Rejected { .. }) if has_broken && may_have_short_pages => {}
            read => prop_assert_eq!(read, Ok(expected)),
        }
    }

    #[test]
    fn rows_that_stay_are_read_while_others_come_and_go(
        recordings in recordings(300),
        dialect in dialects(),
        changes in prop::collection::vec((any::<bool>(), any::<u32>()), 0..12),
        order in any::<u64>(),
    ) {
        // An order that changes by itself, and pages of a row, which cannot overlap, prove
        // nothing while rows move.
        let most_rows = dialect.most_rows.max(7);
        let dialect = Dialect { shuffles_equals: false, unsteady: false, most_rows, ..dialect };
        let mut server = Server { recordings, dialect, answers: 0 };
        let before = server.expected();
        let mut changes = changes.into_iter();
        let mut next_id = 1_000_000;
        let mut turn = 0;
        let read = read_window(&mut server, 50, order, |server| {
            turn += 1;
            if turn % 2 == 0 {
                return;
            }
            let Some((delete, place)) = changes.next() else { return };
            let count = server.recordings.len();
            if delete && count > 0 {
                server.recordings.swap_remove(place as usize % count);
            } else {
                next_id += 1;
                let start = WINDOW_START + i64::from(place % 3_600_000);
                server.recordings.push(Recording { id: next_id, start, end: None, broken: false });
            }
        });
        let after = server.expected();
        match read {
            Ok(read) => {
                let stayed: BTreeSet<_> = before.intersection(&after).copied().collect();
                let missed: Vec<_> = stayed.difference(&read).collect();
                prop_assert!(missed.is_empty(), "missed {} of {}", missed.len(), stayed.len());
            }
            Err(error) => {
                prop_assert!(matches!(error, SyncError::Moving { .. } | SyncError::Apart { .. }), "{}", error);
            }
        }
    }
}

fn desktops(count: u32, start: impl Fn(u32) -> i64) -> Vec<Recording> {
    (0..count)
        .map(|id| {
            let start = WINDOW_START + start(id);
            Recording { id, start, end: Some(start + 600_000), broken: false }
        })
        .collect()
}

fn plain(most_rows: usize) -> Dialect {
    Dialect {
        bound: Bound::Start,
        most_rows,
        shuffles_equals: false,
        whole_seconds: false,
        unsteady: false,
        counts: false,
    }
}

#[test]
fn five_thousand_desktops_that_start_in_one_second_are_all_found_in_any_order() {
    for (most_rows, shuffles_equals) in [(1000, false), (1000, true), (100, true)] {
        let dialect = Dialect { shuffles_equals, ..plain(most_rows) };
        let mut server = Server { recordings: desktops(5000, |_| 1_800_000), dialect, answers: 0 };
        let expected = server.expected();
        assert_eq!(read_window(&mut server, 1000, 7, |_| {}), Ok(expected));
    }
}

#[test]
fn a_plain_window_costs_little_more_than_its_pages() {
    let recordings = desktops(100_000, |id| i64::from(id) * 36);
    let mut server = Server { recordings, dialect: plain(1000), answers: 0 };
    let expected = server.expected();
    assert_eq!(read_window(&mut server, 1000, 7, |_| {}), Ok(expected));
    assert!(server.answers <= 125, "{} requests for 100 pages", server.answers);
}

#[test]
fn an_api_that_compares_intervals_costs_at_most_twice_its_pages() {
    // 1,600 recordings are always under way: 16 pages at the head of every listing.
    let recordings = desktops(10_000, |id| i64::from(id) * 360);
    let dialect = Dialect { bound: Bound::Interval, ..plain(100) };
    let mut server = Server { recordings, dialect, answers: 0 };
    let expected = server.expected();
    assert_eq!(read_window(&mut server, 1000, 7, |_| {}), Ok(expected));
    assert!(server.answers <= 200, "{} requests for 100 pages", server.answers);
}

#[test]
fn an_empty_window_costs_one_request() {
    let mut server = Server { recordings: vec![], dialect: plain(1000), answers: 0 };
    assert_eq!(read_window(&mut server, 1000, 7, |_| {}), Ok(BTreeSet::new()));
    assert_eq!(server.answers, 1);
}

#[test]
fn rows_that_the_api_has_twice_count_once() {
    let mut recordings = desktops(500, |id| i64::from(id / 200) * 1000);
    recordings.extend(recordings.clone());
    let mut server = Server { recordings, dialect: plain(100), answers: 0 };
    let expected = server.expected();
    assert_eq!(read_window(&mut server, 1000, 7, |_| {}), Ok(expected));
}

fn take_pages(pages: &[Page<'_>]) -> Result<(), SyncError> {
    let ledger = DurableLedger::default();
    let mut read = new_read(10);
    for page in pages {
        let Next::Request(request) = read.next_page() else {
            panic!("the walk wants no more pages")
        };
        read.take(&request, page, &ledger)?;
    }
    assert_eq!(read.next_page(), Next::Done);
    read.finish(&ledger)?.1.check_rejections(0)
}

fn row(id: usize, start: i64) -> Row<'static> {
    let start = Timestamp::from_millis(WINDOW_START + start);
    Row::Ok(Record::new(id.to_string(), start))
}

#[test]
fn an_unsorted_page_fails_the_reading() {
    let page = Page { total_count: None, rows: vec![row(1, 2000), row(2, 1000)] };
    let error = take_pages(&[page]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the API does not sort by start_time: 2026-11-01T00:00:01.000Z came after \
         2026-11-01T00:00:02.000Z"
    );
}

#[test]
fn an_api_that_ignores_the_offset_fails_the_reading() {
    let page = || Page { total_count: None, rows: (0..10).map(|id| row(id, 0)).collect() };
    let pages: Vec<_> = (0..20).map(|_| page()).collect();
    let error = take_pages(&pages).unwrap_err();
    assert!(matches!(error, SyncError::Stuck { .. }), "{error}");
}

#[test]
fn a_bound_that_is_ignored_fails_the_reading_of_more_than_the_default_window() {
    let start = Timestamp::from_millis(WINDOW_START);
    let now = start.plus_millis(16 * 24 * 3_600_000);
    let mut read = ExtentReader::new(
        Extent::since(start),
        now,
        10,
        ApiCounts::default(),
        RecordsFilter::default(),
    );
    let Next::Request(request) = read.next_page() else { panic!("the first page is asked for") };
    let mut old = Record::new("old", start.plus_millis(-9_000_000));
    old.end_time = Some(start.plus_millis(-8_000_000));
    let page = Page { total_count: None, rows: vec![Ok(old)] };
    let error = read.take(&request, &page, &Ledger::default()).unwrap_err();
    assert!(matches!(error, SyncError::BoundIgnored { .. }), "{error}");
}

#[test]
fn a_few_rejected_rows_are_counted_once_and_many_fail_the_reading() {
    let read = |bad: usize| {
        let mut recordings = desktops(1000, |id| i64::from(id) * 3500);
        for recording in recordings.iter_mut().skip(17).step_by(80).take(bad) {
            recording.broken = true;
        }
        let mut server = Server { recordings, dialect: plain(100), answers: 0 };
        let expected = server.expected();
        (read_window(&mut server, 1000, 7, |_| {}), expected)
    };
    let (rows, expected) = read(10);
    assert_eq!(rows, Ok(expected));
    let error = read(11).0.unwrap_err();
    assert_eq!(error.to_string(), "11 of 1000 rows could not be understood (no_start_time: 11)");
}

#[test]
fn recordings_that_begin_faster_than_requests_are_answered_do_not_hold_the_reading() {
    let recordings = desktops(3000, |id| i64::from(id) * 1000);
    let mut server = Server { recordings, dialect: plain(1000), answers: 0 };
    let expected = server.expected();
    let mut next_id = 1_000_000;
    let read = read_window(&mut server, 1000, 7, |server| {
        for _ in 0..50 {
            next_id += 1;
            let start = WINDOW_START + 3_600_000 + i64::from(next_id - 1_000_000) * 20;
            server.recordings.push(Recording { id: next_id, start, end: None, broken: false });
        }
    });
    assert!(read.is_ok_and(|read| read.is_superset(&expected)));
}
