//! `/desktops` and `/api/v1/desktops`, compared with the simulator's data.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use records_api_simulator::{Record, Status};
use serde_json::{Value, json};

use crate::harness::{Harness, HarnessOptions, request, text};

const HOUR: i64 = 3_600_000;
const JSON: &str = "/x/api/v1/desktops";
const PAGE: &str = "/x/desktops";

async fn list(harness: &Harness, query: &str) -> Value {
    serde_json::from_str(&text(harness, &format!("{JSON}{query}")).await).unwrap()
}

fn strings(answer: &Value, field: &str) -> Vec<String> {
    let rows = answer["desktops"].as_array().unwrap().iter();
    rows.map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

fn time(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Returns the desktops of the simulator in the order and form of the JSON, with their last starts.
fn expected(harness: &Harness) -> Vec<(i64, Value)> {
    let truth = harness.simulator().truth(i64::MIN);
    let names = truth.pools.iter().map(|pool| (pool.pool.as_str(), pool.name.as_deref()));
    let names: BTreeMap<_, _> = names.collect();
    let mut desktops = truth.desktops;
    desktops.sort_by(|a, b| (a.last_start, &a.id).cmp(&(b.last_start, &b.id)));
    let rows = desktops.into_iter().map(|desktop| {
        let row = json!({
            "project": "p",
            "desktop_id": desktop.id,
            "desktop_name": desktop.name,
            "pool": desktop.pool,
            "pool_name": desktop.pool.as_deref().and_then(|pool| names[pool]),
            "records": desktop.records,
            "failed": desktop.failed,
            "last_start": time(desktop.last_start),
            "last_upload": desktop.last_upload.map(time),
        });
        (desktop.last_start, row)
    });
    rows.collect()
}

fn hostile() -> HarnessOptions {
    let mut setup = HarnessOptions::new(3000);
    setup.options.hostile_names = true;
    setup.options.failure_share = 0.1;
    setup.limits.max_requests_per_second = 1000.0;
    setup.poll.pool_names = true;
    setup
}

#[tokio::test(start_paused = true)]
async fn the_json_equals_the_data_of_the_simulator() {
    let harness = hostile().start();
    let before = list(&harness, "").await;
    assert_eq!((&before["total"], &before["projects"][0]["as_of"]), (&json!(0), &Value::Null));
    assert_eq!(harness.poll().await, Ok(()));
    let expected = expected(&harness);
    assert!(expected.len() > 190, "{}", expected.len());
    let rows = |rows: &[(i64, Value)]| rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>();
    let answer = list(&harness, "").await;
    assert_eq!(answer["desktops"], Value::from(rows(&expected)));
    assert_eq!((&answer["total"], &answer["truncated"]), (&json!(expected.len()), &json!(false)));
    let of_project = &answer["projects"][0];
    assert_eq!(of_project["desktops"], json!(expected.len()));
    assert_eq!((&of_project["name"], &of_project["stale"]), (&json!("p"), &json!(false)));

    let page = std::fs::read_to_string("docs/desktops.md").unwrap();
    let documented = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let documented: Value = serde_json::from_str(documented).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&documented), keys(&answer));
    assert_eq!(keys(&documented["projects"][0]), keys(of_project));
    assert_eq!(keys(&documented["desktops"][0]), keys(&answer["desktops"][0]));

    let as_of = DateTime::parse_from_rfc3339(of_project["as_of"].as_str().unwrap()).unwrap();
    let limit = as_of.timestamp_millis() - 24 * HOUR;
    let silent: Vec<_> = expected.iter().filter(|(start, _)| *start <= limit).cloned().collect();
    assert!((10..expected.len() - 10).contains(&silent.len()), "{}", silent.len());
    let answer = list(&harness, "?silent_for=24h").await;
    assert_eq!(answer["desktops"], Value::from(rows(&silent)));
    for pool in [expected[0].1["pool"].as_str().unwrap_or("_none"), "_none", "pool-0003"] {
        let is_in = |row: &Value| {
            row["pool"].as_str().unwrap_or("_none") == pool || row["pool_name"] == *pool
        };
        let of_pool: Vec<_> = silent.iter().filter(|(_, row)| is_in(row)).cloned().collect();
        let answer = list(&harness, &format!("?silent_for=1d&pool={pool}&project=p")).await;
        assert_eq!(answer["desktops"], Value::from(rows(&of_pool)), "{pool}");
        assert_eq!(answer["unknown"], json!({}), "{pool}");
    }
    assert_eq!(list(&harness, "?pool=nowhere").await["unknown"], json!({"pool": "nowhere"}));
}

#[tokio::test(start_paused = true)]
async fn hostile_names_survive_csv_and_are_escaped_on_the_page() {
    let harness = hostile().start();
    assert_eq!(harness.poll().await, Ok(()));
    let expected = expected(&harness);
    let (status, headers, csv) = request(&harness, &format!("{JSON}?format=csv")).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8; header=present");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), expected.len());
    let mut guarded = 0;
    for (row, (_, expected)) in rows.iter().zip(&expected) {
        assert_eq!(row.len(), expected.as_object().unwrap().len());
        for (column, text) in columns.iter().zip(row) {
            let plain = match &expected[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            let is_formula = plain.starts_with(['=', '+', '-', '@', '\t', '\r']);
            guarded += usize::from(is_formula);
            let shown = if is_formula { format!("'{plain}") } else { plain };
            assert_eq!(text, shown, "{column}");
        }
    }
    assert!(guarded > 20, "{guarded}");
    assert_eq!(text(&harness, &format!("{PAGE}?format=csv")).await, csv);

    let page = text(&harness, &format!("{PAGE}?limit=1000")).await;
    for part in ["<script", "<img", "\u{0}", "\u{1b}", "\u{202e}", "\r"] {
        assert!(!page.contains(part), "{part:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    let cells: Vec<_> = page.split("data-label=\"Desktop\">").skip(1).collect();
    assert_eq!(cells.len(), expected.len());
    for (cell, (_, row)) in cells.iter().zip(&expected) {
        let id = row["desktop_id"].as_str().unwrap();
        assert!(cell.split("</td>").next().unwrap().ends_with(&format!("<small>{id}</small>")));
    }
}

/// Creates a project whose desktops are recorded only by the test.
fn unrecorded(desktops: u32) -> Harness {
    let mut setup = HarnessOptions::new(0);
    setup.options.desktops = desktops;
    setup.limits.max_requests_per_second = 1000.0;
    setup.poll.pool_names = true;
    setup.start()
}

fn record(harness: &Harness, id: u128, desktop: u32, ago: i64) {
    harness.simulator().edit(|world| {
        let start = world.now() - ago;
        assert!(world.insert(Record { desktop, ..Record::new(id, start) }));
        assert!(world.set_status(id, Status::UploadCompleted));
    });
}

#[tokio::test(start_paused = true)]
async fn a_desktop_that_stops_being_recorded_comes_first_until_it_leaves_the_window() {
    let harness = unrecorded(3);
    for desktop in 0..3 {
        record(&harness, u128::from(desktop), desktop, i64::from(desktop + 1) * HOUR);
    }
    assert_eq!(harness.poll().await, Ok(()));
    let names = async |query: &str| strings(&list(&harness, query).await, "desktop_name");
    let all = ["desktop-0002", "desktop-0001", "desktop-0000"];
    assert_eq!(names("").await, all);
    assert_eq!(names("?silent_for=24h").await, [""; 0]);
    for day in 1..=15 {
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        for desktop in [0, 2] {
            record(&harness, 100 * day + u128::from(desktop), desktop, HOUR);
        }
        assert_eq!(harness.poll().await, Ok(()));
        let silent = names("?silent_for=24h").await;
        // It was recorded two hours before the first poll.
        let is_in_the_window = day < 15;
        assert_eq!(silent == ["desktop-0001"], is_in_the_window, "{day}: {silent:?}");
        assert_eq!(names("").await.len(), if is_in_the_window { 3 } else { 2 }, "{day}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_desktop_is_shown_with_the_name_and_pool_of_its_newest_record() {
    let harness = unrecorded(2);
    record(&harness, 1, 0, 3 * HOUR);
    harness.simulator().edit(|world| {
        let desktop = world.directory_mut().rename_desktop(0, "renamed");
        let start = world.now() - 2 * HOUR;
        assert!(world.insert(Record { desktop, pool: Some(1), ..Record::new(2, start) }));
    });
    assert_eq!(harness.poll().await, Ok(()));
    let answer = list(&harness, "").await;
    let rows: Vec<_> = expected(&harness).into_iter().map(|(_, row)| row).collect();
    assert_eq!((answer["desktops"].clone(), rows.len()), (Value::from(rows.clone()), 1));
    assert_eq!((&rows[0]["desktop_name"], &rows[0]["records"]), (&json!("renamed"), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_over_2500_desktops() {
    let harness = unrecorded(2500);
    harness.simulator().edit(|world| {
        for desktop in 0..2500_u32 {
            let start = world.now() - i64::from(desktop + 1) * 60_000;
            let id = u128::from(desktop);
            assert!(world.insert(Record { desktop, ..Record::new(id, start) }));
        }
    });
    assert_eq!(harness.poll().await, Ok(()));
    let all: Vec<_> = (0..2500).rev().map(|number| format!("desktop-{number:04}")).collect();
    assert_eq!(strings(&list(&harness, "").await, "desktop_name"), all);

    for format in ["json", "csv"] {
        let mut found = Vec::new();
        let mut next = Some(format!("{JSON}?limit=999&format={format}"));
        while let Some(uri) = next {
            let (status, headers, body) = request(&harness, &uri).await;
            assert_eq!(status, 200);
            if format == "json" {
                let answer: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(answer["total"], json!(2500));
                assert_eq!(answer["truncated"], json!(headers.contains_key("link")));
                found.extend(strings(&answer, "desktop_name"));
            } else {
                let mut reader = csv::Reader::from_reader(body.as_bytes());
                found.extend(reader.records().map(|row| row.unwrap()[2].to_owned()));
            }
            let link = headers.get("link").map(|link| link.to_str().unwrap().to_owned());
            next = link.map(|link| {
                let address = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"");
                address.unwrap().to_owned()
            });
        }
        assert_eq!(found, all, "{format}");
    }

    let (mut found, mut next) = (Vec::new(), Some(format!("{PAGE}?silent_for=90s&limit=600")));
    while let Some(uri) = next {
        let page = text(&harness, &uri).await;
        let cells = page.split("data-label=\"Desktop\">").skip(1);
        found.extend(cells.map(|cell| cell.split('<').next().unwrap().to_owned()));
        let link = page.split("rel=\"next\" href=\"").nth(1);
        next = link.map(|link| link.split('"').next().unwrap().replace("&amp;", "&"));
    }
    assert_eq!(found, all[..2499], "the last one was recorded a minute ago");
}

#[tokio::test(start_paused = true)]
async fn a_stale_list_says_so_and_its_time_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = HarnessOptions::new(0);
    setup.state = Some(folder.path().join("p.redb"));
    let harness = setup.start();
    record(&harness, 1, 0, 24 * HOUR - 60_000);
    assert_eq!(harness.poll().await, Ok(()));
    let before = list(&harness, "").await;
    harness.set_faults(&["status=500"]);
    tokio::time::sleep(Duration::from_secs(500)).await;
    assert!(harness.poll().await.is_err());
    assert_eq!(list(&harness, "").await, before, "a failed poll changes nothing");
    tokio::time::sleep(Duration::from_secs(500)).await;
    let after = list(&harness, "?silent_for=24h").await;
    assert_eq!(after["projects"][0]["stale"], json!(true));
    assert_eq!(after["projects"][0]["as_of"], before["projects"][0]["as_of"]);
    assert_eq!(after["total"], json!(0), "nobody knows whether it was recorded since");
    assert!(text(&harness, PAGE).await.contains("<p class=\"note\">p: stale, as of"));

    let harness = harness.restart();
    let restarted = list(&harness, "").await;
    assert_eq!(restarted["desktops"], before["desktops"], "they survive a restart");
    assert_eq!(restarted["projects"][0]["stale"], json!(true));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_query_is_refused_on_both_paths() {
    let harness = unrecorded(1);
    for (query, code, says) in [
        ("?pools=x", 400, "accepted are project, pool, silent_for, limit, offset and format"),
        ("?silent_for=24", 400, "such as 24h"),
        ("?limit=0", 400, "from 1 to 10000"),
        ("?offset=x", 400, "0 or more"),
        ("?format=xml", 400, "json and csv"),
        ("?pool=a&pool=b", 400, "pool is given twice"),
        ("?project=%3Cb%3E", 404, "unknown project <b>; known are p"),
    ] {
        let (status, headers, page) = request(&harness, &format!("{PAGE}{query}")).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (code, &"text/html; charset=utf-8".parse().unwrap())
        );
        let escaped = says.replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.contains(&escaped), "{query}: {page}");
        let (status, _, answer) = request(&harness, &format!("{JSON}{query}")).await;
        assert_eq!(status, code, "{query}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].as_str().unwrap().contains(says), "{query}: {answer}");
    }
}
