//! Polls of servers that behave in ways that no document describes, each a few lines of script.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use records_api::record::Timestamp;
use screen_records_exporter::exposition::Wanted;
use screen_records_exporter::project::PollMode;
use screen_records_exporter::snapshot::Failure;
use tokio::time::Instant;

use crate::harness::{DAY, FakeTransport, HarnessOptions, NOW, UP, bytes_script, script};

fn time(millis_ago: i64) -> String {
    let moment = Timestamp::from_millis(NOW - millis_ago);
    moment.to_rfc3339()
}

/// A server with these rows (start in milliseconds before now, and JSON) that applies bound, limit
/// and offset.
fn honest(rows: Vec<(i64, String)>) -> Arc<FakeTransport> {
    let mut rows = rows;
    rows.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
    script(move |_, request| (200, page_of(&rows, request)))
}

pub(crate) fn page_of(rows: &[(i64, String)], request: &http::Request<Bytes>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let number = |name: &str| value(name).unwrap().parse::<usize>().unwrap();
    let bound = value("start_time=").unwrap().replace("%20", " ").replace("%3A", ":");
    let bound = Timestamp::parse(&bound).unwrap();
    let rows: Vec<_> =
        rows.iter().filter(|(ago, _)| NOW - ago >= bound.millis()).map(|(_, row)| row).collect();
    let page: Vec<_> =
        rows.iter().skip(number("offset=")).take(number("limit=")).map(|r| r.as_str()).collect();
    format!("{{\"screen_records\":[{}],\"total_count\":{}}}", page.join(","), rows.len())
}

pub(crate) fn row(id: &str, ago: i64, more: &str) -> (i64, String) {
    (ago, format!("{{\"id\":\"{id}\",\"start_time\":\"{}\"{more}}}", time(ago)))
}

#[tokio::test(start_paused = true)]
async fn ten_rejected_rows_are_tolerated_and_eleven_only_up_to_one_percent() {
    for (good, bad, succeeds) in
        [(20, 10, true), (20, 11, false), (1089, 11, true), (1088, 11, false)]
    {
        let mut rows: Vec<_> = (0..good).map(|n| row(&n.to_string(), 1000 * n, "")).collect();
        rows.extend((0..bad).map(|n| (7000 * n, "null".to_owned())));
        let harness = HarnessOptions::default().start_at(honest(rows));
        let result = harness.poll().await;
        assert_eq!(result.is_ok(), succeeds, "{good} {bad}: {result:?}");
        assert_eq!(harness.counted(), if succeeds { good as f64 } else { 0.0 });
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_rows_count_the_same_at_the_beginning_and_in_between() {
    for (rejected, is_tolerated) in [(900, true), (2100, false)] {
        let mut rows: Vec<_> = (0..rejected).map(|n| (2_000_000 + n, "null".to_owned())).collect();
        rows.extend((0..215_000).map(|n| row(&n.to_string(), n, "")));
        let harness = HarnessOptions::default().start_at(honest(rows));
        // Fewer than 1%, but of more than 1000 rows a page holds nothing else.
        assert_eq!(harness.poll().await.is_ok(), is_tolerated);
        assert_eq!(harness.counted(), if is_tolerated { 215_000.0 } else { 0.0 });
    }
}

#[tokio::test(start_paused = true)]
async fn up_to_sixteen_unknown_statuses_are_exported_unchanged() {
    let rows = (0..40).map(|n| row(&n.to_string(), n, &format!(",\"status\":\"ODD_{n:02}\"")));
    let harness = HarnessOptions::default().start_at(honest(rows.collect()));
    assert_eq!(harness.poll().await, Ok(()));
    let shown = harness.exposed().of("workspace_screen_records{");
    let of = |status: &str| {
        let name = format!(
            "workspace_screen_records{{project=\"p\",status=\"{status}\",type=\"_none\",\
             pool=\"_none\"}}"
        );
        shown.get(&name).copied()
    };
    for n in 0..40 {
        assert_eq!(of(&format!("ODD_{n:02}")), (n < 16).then_some(1.0));
    }
    assert_eq!(of("_other"), Some(24.0));
    assert_eq!(shown.values().sum::<f64>(), 40.0);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_row_does_not_keep_a_record_that_has_left_the_window() {
    let day = 24 * 3_600_000;
    let broken = Arc::new(AtomicBool::new(false));
    let is_broken = broken.clone();
    // This API compares the end of records, so it still returns the record when its start has left
    // the window.
    let transport = script(move |_, _| {
        let rows = if is_broken.load(Ordering::Relaxed) {
            "{\"id\":\"old\",\"start_time\":\"?\"}".to_owned()
        } else {
            row("old", day - 60_000, "").1
        };
        let young = row("young", 1000, "").1;
        (200, format!("{{\"screen_records\":[{rows},{young}],\"total_count\":2}}"))
    });
    let mut setup = HarnessOptions::default();
    setup.poll.window = DAY;
    let harness = setup.start_at(transport);
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.counted(), 2.0);
    broken.store(true, Ordering::Relaxed);
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.counted(), 2.0, "the record keeps its last state");
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.counted(), 1.0, "the start of the record has left the window");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_while_other_credentials_are_tried() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = tokens.clone();
    let transport = script(move |_, request| {
        let token = request.headers()["x-auth-token"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push(token);
        (401, "{\"error_code\":\"APIGW.0301\",\"error_msg\":\"token: secret\"}".to_owned())
    });
    let setup =
        HarnessOptions { token_file: Some(file.path().to_owned()), ..HarnessOptions::default() };
    let harness = setup.start_at(transport);
    for token in ["one", "two", "one", "two", "three", "one"] {
        std::fs::write(file.path(), token).unwrap();
        let Failure { what, remedy, .. } = harness.poll().await.unwrap_err();
        assert!(what.contains("APIGW.0301") && !what.contains("secret"), "{what}");
        assert!(remedy.contains("projects.auth"), "{remedy}");
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_eq!(*tokens.lock().unwrap(), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_endpoint_is_not_requested_for_five_minutes_and_the_other_one_is() {
    let transport = script(|_, request| {
        if request.uri().path().ends_with("desktop-pools") {
            return (403, "{\"error_code\":\"PAP5.0001\"}".to_owned());
        }
        (200, page_of(&[row("a", 1000, ",\"desktop_pool_id\":\"x\"")], request))
    });
    let mut setup = HarnessOptions::default();
    setup.poll.pool_names = true;
    let harness = setup.start_at(transport);
    assert_eq!(harness.poll().await, Ok(()));
    let first = harness.asked();
    for _ in 0..9 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let before = harness.asked();
        assert_eq!(harness.poll().await, Ok(()));
        assert_eq!(harness.asked() - before, first - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_remedy_fits_the_error() {
    let busy = script(|_, _| (200, "{\"error_code\":\"WKS.0407\",\"error_msg\":\"Busy\"}".into()));
    let harness = HarnessOptions::default().start_at(busy);
    let Failure { what, remedy, .. } = harness.poll().await.unwrap_err();
    assert!(what.contains("WKS.0407: Busy"), "{what}");
    assert!(!remedy.contains("projects.endpoint"), "{what}: {remedy}");

    let mut setup = HarnessOptions::new(500);
    setup.limits.max_response_bytes = 10_000;
    let harness = setup.start();
    let Failure { what, remedy, .. } = harness.poll().await.unwrap_err();
    assert!(what.contains("larger than 10000 bytes"), "{what}");
    assert!(remedy.contains("api.page_size"), "{what}: {remedy}");
    assert_eq!(harness.asked(), 1, "the request is not repeated");
}

#[tokio::test(start_paused = true)]
async fn a_broken_text_does_not_fail_the_page() {
    let good = row("good", 1000, ",\"username\":\"Zoë\"").1;
    for broken in [&b"\\ud83d"[..], b"\\udc00x", b"\xff\xfe", b"\xf0\x9f\x98"] {
        let mut body = format!(
            "{{\"screen_records\":[{good},{{\"id\":\"b\",\"start_time\":\"{}\",\"username\":\"",
            time(500)
        )
        .into_bytes();
        body.extend_from_slice(broken);
        body.extend_from_slice(b"\"}],\"total_count\":2}");
        let harness =
            HarnessOptions::default().start_at(bytes_script(move |_, _| (200, body.clone())));
        assert_eq!(harness.poll().await, Ok(()), "{broken:?}");
        assert_eq!(harness.counted(), 2.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_number_that_no_type_holds_is_absent_and_counted_as_unknown() {
    let digits = "7".repeat(10_000);
    let mut rows: Vec<_> = (0..20).map(|n| row(&n.to_string(), 9000 + n, ",\"size\":3")).collect();
    for (n, number) in
        ["5e678", "-9E+999", &digits, "18446744073709551615", "1.5e30", "-3"].iter().enumerate()
    {
        let id = format!("odd-{n}");
        let more = format!(",\"size\":{number},\"duration\":{number},\"new\":[{number}]");
        rows.push(row(&id, 1000 * i64::try_from(n).unwrap(), &more));
    }
    rows.push(row("long", 500, ",\"size\":4,\"duration\":4294967295"));
    rows.sort_by_key(|(ago, _)| std::cmp::Reverse(*ago));
    let transport = script(move |_, request| {
        if request.uri().path().ends_with("desktop-pools") {
            let pool = "{\"id\":\"x\",\"name\":\"Lab\",\"desktop_count\":2e555}";
            return (200, format!("{{\"desktop_pools\":[{pool}],\"total_count\":-1e777}}"));
        }
        (200, page_of(&rows, request))
    });
    let mut setup = HarnessOptions::default();
    setup.poll.pool_names = true;
    let harness = setup.start_at(transport);
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.counted(), 27.0);
    let exposed = harness.exposed();
    let sizes = exposed.of("workspace_screen_records_size_bytes{");
    assert_eq!(sizes.values().sum::<f64>(), 64.0);
    for (field, count) in [("size", 6.0), ("duration", 7.0)] {
        let name =
            format!("screen_records_exporter_unknown_values{{project=\"p\",field=\"{field}\"}}");
        assert_eq!(exposed.get(&name), count, "{field}");
    }
    let pool = "workspace_desktop_pool_info{project=\"p\",pool=\"x\",name=\"Lab\"}";
    assert_eq!(exposed.get(pool), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_poll_fails_soon_if_no_row_can_be_parsed() {
    let page = vec!["{\"id\":\"x\"}"; 100].join(",");
    let body = format!("{{\"screen_records\":[{page}]}}");
    let harness = HarnessOptions::default().start_at(script(move |_, _| (200, body.clone())));
    let begun = Instant::now();
    let what = harness.poll().await.unwrap_err().what;
    assert!(what.contains("could not be understood (no_start_time"), "{what}");
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_poll_does_not_end_polling_in_the_background() {
    let rows = [row("a", 1000, "")];
    let transport = script(move |number, request| {
        assert!(number != 2, "a bug of the exporter");
        (200, page_of(&rows, request))
    });
    let mut setup = HarnessOptions::default();
    setup.poll.mode = PollMode::Background;
    let harness = setup.start_at(transport);
    harness.project.start();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(harness.exposed().get(UP), 1.0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.exposed().get(UP), 0.0, "the second poll panicked");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(harness.exposed().get(UP), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_disconnects_does_not_end_the_poll() {
    let mut setup = HarnessOptions::new(3000);
    setup.options.latency = Duration::from_secs(2);
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let patience = Duration::from_millis(500);
    let deadline = Instant::now() + Duration::from_secs(60);
    let scrape = harness.collector.scrape(deadline, Wanted::default());
    assert!(tokio::time::timeout(patience, scrape).await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
    assert_eq!(harness.exposed().get(polls), 2.0);
}

/// Runs in real time, because a paused clock does not advance while a thread waits for a file.
#[tokio::test]
async fn a_token_file_that_is_a_pipe_fails_the_poll_and_blocks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("token");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut setup = HarnessOptions { token_file: Some(pipe.clone()), ..HarnessOptions::default() };
    setup.limits.request_timeout = Duration::from_millis(100);
    let harness = setup.start_at(script(|_, _| (500, String::new())));
    let what = harness.poll().await.unwrap_err().what;
    assert!(what.contains("is a pipe, which cannot be read again"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_contains_the_token_is_not_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush-hush-secret-token").unwrap();
    for (status, body) in [
        (400, "{\"error_code\":\"hush-hush-secret-token\",\"error_msg\":\"m\"}"),
        (403, "{\"error_code\":\"A.1\",\"error_msg\":\"bad token hush-hush-secret-token\"}"),
        (200, "{\"error_code\":\"A.1\",\"error_msg\":\"hush-hush-secret-token\"}"),
        (200, "hush-hush-secret-token"),
    ] {
        let transport = script(move |_, _| (status, body.to_owned()));
        let setup = HarnessOptions {
            token_file: Some(file.path().to_owned()),
            ..HarnessOptions::default()
        };
        let Failure { what, remedy, .. } = setup.start_at(transport).poll().await.unwrap_err();
        assert!(!what.contains("hush") && !remedy.contains("hush"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_one_row_that_are_not_sorted_fail_the_poll() {
    let transport = script(|_, request| {
        let query = request.uri().query().unwrap_or_default();
        let offset = query.split('&').find_map(|pair| pair.strip_prefix("offset=")).unwrap();
        let offset: i64 = offset.parse().unwrap();
        let rows = (0..30).map(|n| row(&n.to_string(), 1000 * (n * 7 % 30 + 1), "").1);
        let page: Vec<_> = rows.skip(usize::try_from(offset).unwrap()).take(1).collect();
        (200, format!("{{\"screen_records\":[{}],\"total_count\":30}}", page.join(",")))
    });
    let harness = HarnessOptions::default().start_at(transport);
    assert!(harness.poll().await.is_err());
    assert_eq!(harness.exposed().get(UP), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_suddenly_empty_fails_the_poll_until_nothing_contradicts_it() {
    let rows: Vec<_> = (0..3000).map(|n| row(&n.to_string(), 1_000_000 - 100 * n, "")).collect();
    let empty = "{\"screen_records\":[],\"total_count\":0}";
    let page = move |number, request: &http::Request<Bytes>| {
        (200, if number == 0 { page_of(&rows, request) } else { empty.to_owned() })
    };
    let harness = HarnessOptions::default().start_at(script(page));
    let what = harness.poll().await.unwrap_err().what;
    assert!(what.contains("change faster than they can be read"), "{what}");
    assert_eq!(harness.counted(), 0.0);
    assert_eq!(harness.poll().await, Ok(()), "nothing contradicts that all records are gone");
    assert_eq!(harness.counted(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_poll_fails_if_a_list_never_ends_with_a_readable_row() {
    let rows: Vec<_> = (0..50).map(|n| row(&n.to_string(), 1_000_000 - n, "")).collect();
    let transport = script(move |_, request| {
        let page = page_of(&rows, request);
        (200, page.replace("[]", "[{}]").replace("}],\"total", "},{}],\"total"))
    });
    let harness = HarnessOptions::default().start_at(transport);
    let what = harness.poll().await.unwrap_err().what;
    assert!(what.contains("could not be understood (no_id"), "{what}");
    assert!(harness.asked() < 300, "{}", harness.asked());
}

#[tokio::test(start_paused = true)]
async fn pages_that_become_smaller_are_read_to_the_end() {
    let rows: Vec<_> = (0..2600).map(|n| row(&n.to_string(), 90_000_000 - 1000 * n, "")).collect();
    for small in [90, 21, 20, 19, 7, 2, 1] {
        for (odd, cursors) in [(1, 1), (7, 1), (1, 4)] {
            let rows = rows.clone();
            let transport = script(move |number, request| {
                let query = request.uri().query().unwrap_or_default();
                let limit = if number < 2 { 1000 } else { small + number % odd };
                let uri = format!("/x?{}", query.replace("limit=1000", &format!("limit={limit}")));
                let request = http::Request::get(uri).body(Bytes::new()).unwrap();
                (200, page_of(&rows, &request).replace("total_count", "count"))
            });
            let mut setup = HarnessOptions::default();
            setup.limits.max_concurrent_requests = cursors;
            let harness = setup.start_at(transport);
            assert_eq!(harness.poll().await, Ok(()), "{small} {odd} {cursors}");
            assert_eq!(harness.counted(), 2600.0, "{small} {odd} {cursors}");
        }
    }
}

/// 9000 rows within 10 days.
fn many() -> Vec<(i64, String)> {
    let rows = (0..9000_i64).map(|n| row(&n.to_string(), 864_000_000 - 95_000 * n, ""));
    rows.collect()
}

#[tokio::test(start_paused = true)]
async fn an_empty_page_at_the_edge_of_a_segment_loses_no_record() {
    for empty in 1..8 {
        let rows = many();
        let transport = script(move |number, request| {
            let page = page_of(&rows, request);
            let count = page.rsplit_once("],").unwrap().1;
            let is_empty = number == empty;
            (200, if is_empty { format!("{{\"screen_records\":[],{count}") } else { page })
        });
        let harness = HarnessOptions::default().start_at(transport);
        if harness.poll().await.is_ok() {
            assert_eq!(harness.counted(), 9000.0, "request {empty}");
        } else {
            assert_eq!(harness.counted(), 0.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_with_a_million_tiny_rows_is_refused_before_it_fills_memory() {
    for row in ["0", "{}", "null"] {
        let body = format!("{{\"screen_records\":[{}]}}", vec![row; 1 << 20].join(","));
        let harness = HarnessOptions::default().start_at(script(move |_, _| (200, body.clone())));
        let what = harness.poll().await.unwrap_err().what;
        assert!(what.contains("more than 20000 rows in one page"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_numbers_keep_their_digits_or_are_rejected() {
    let numbered = |n: i64| (n, format!("{{\"id\":{}{n},\"start_time\":\"{}\"}}", 7, time(n)));
    let mut rows: Vec<_> = (0..1000).map(numbered).collect();
    // The parser rounds numbers beyond 64 bits, so these two ids would be the same.
    for n in 0..2 {
        let id = format!("1844674407370955161{n}");
        rows.push((n, format!("{{\"id\":{id}77,\"start_time\":\"{}\"}}", time(n))));
    }
    let harness = HarnessOptions::default().start_at(honest(rows));
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(harness.counted(), 1000.0);
}
