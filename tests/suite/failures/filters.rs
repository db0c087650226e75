//! Filters, paging and formats of `/failures` and `/api/v1/failures`: they apply to all failed records,
//! however many there are.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use records_api_simulator::{Kind, Record, Status};
use screen_records_exporter::project::Users;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::harness::{Harness, HarnessOptions, request, text};

const JSON: &str = "/x/api/v1/failures";
const PAGE: &str = "/x/failures";
const HOUR: i64 = 3_600_000;

async fn list(harness: &Harness, query: &str) -> Value {
    serde_json::from_str(&text(harness, &format!("{JSON}{query}")).await).unwrap()
}

/// Returns the ids of an answer.
fn ids(answer: &Value) -> Vec<String> {
    let rows = answer["failures"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap_or("-").to_owned()).collect()
}

/// Returns the failed records of the simulator, the newest first.
fn failed(harness: &Harness) -> Vec<Record> {
    let mut failed = Vec::new();
    harness.simulator().edit(|world| {
        let all = world.records_from(i64::MIN);
        failed = all
            .filter(|record| matches!(record.status, Status::RecFailed | Status::UploadFailed))
            .cloned()
            .collect();
    });
    failed.sort_by_key(|record| (std::cmp::Reverse(record.start), std::cmp::Reverse(record.id)));
    failed
}

fn pairs(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("?{}", query.extend_pairs(pairs).finish())
}

fn rfc3339(millis: i64) -> String {
    let time = DateTime::from_timestamp_millis(millis).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn many(records: usize) -> HarnessOptions {
    let mut setup = HarnessOptions::new(records);
    setup.options.failure_share = 0.2;
    setup.options.users = 700;
    setup.limits.max_requests_per_second = 1000.0;
    setup.poll.pool_names = true;
    setup
}

#[tokio::test(start_paused = true)]
async fn filters_find_failures_beyond_the_newest_thousand() {
    let harness = many(9000).start();
    assert_eq!(harness.poll().await, Ok(()));
    let failed = failed(&harness);
    assert!(failed.len() > 1500, "{}", failed.len());
    let mut names = (Vec::new(), Vec::new(), Vec::new());
    harness.simulator().edit(|world| {
        let of = world.directory();
        let oldest: Vec<_> = failed.iter().rev().filter(|r| r.user.is_some()).take(3).collect();
        names.0 = oldest.iter().map(|r| of.user_name(r.user.unwrap()).to_owned()).collect();
        names.1 = oldest.iter().map(|r| of.desktop_name(r.desktop).to_owned()).collect();
        names.2 = oldest.iter().map(|r| of.desktop_id(r.desktop).to_owned()).collect();
    });
    let expected = |is_wanted: &dyn Fn(&Record) -> bool| -> Vec<String> {
        let wanted = failed.iter().filter(|record| is_wanted(record));
        wanted.map(|record| format!("{:032x}", record.id)).collect()
    };
    for number in 0..3 {
        for (field, name) in [
            ("user", &names.0[number]),
            ("desktop", &names.1[number]),
            ("desktop", &names.2[number]),
        ] {
            let answer = list(&harness, &pairs(&[(field, name)])).await;
            let mut wanted = Vec::new();
            harness.simulator().edit(|world| {
                let of = world.directory();
                wanted = expected(&|record| match field {
                    "user" => record.user.is_some_and(|user| of.user_name(user) == name),
                    _ => {
                        of.desktop_name(record.desktop) == name
                            || of.desktop_id(record.desktop) == name
                    }
                });
            });
            assert!(!wanted.is_empty());
            assert_eq!(ids(&answer), wanted, "{field} {name}");
            assert_eq!(
                (&answer["total"], &answer["truncated"]),
                (&json!(wanted.len()), &json!(false))
            );
            let page = text(&harness, &format!("{PAGE}{}", pairs(&[(field, name)]))).await;
            assert!(page.contains(&wanted[wanted.len() - 1]), "{field} {name}");
        }
    }
    let (from, to) = (failed[1700].start, failed[1200].start);
    let range = [("from", &*rfc3339(from)), ("to", &*rfc3339(to))];
    let answer = list(&harness, &pairs(&range)).await;
    assert_eq!(ids(&answer), expected(&|record| (from..to).contains(&record.start)));
    let kinds = [("type", "OPERATION"), ("status", "REC_FAILED")];
    let answer = list(&harness, &pairs(&kinds)).await;
    let is_kind = |r: &Record| r.kind == Kind::Operation && r.status == Status::RecFailed;
    assert_eq!(ids(&answer), expected(&is_kind));
}

#[tokio::test(start_paused = true)]
async fn a_counted_failure_is_found_behind_newer_uncounted_ones() {
    let harness = many(7000).start();
    assert_eq!(harness.poll().await, Ok(()));
    let before = failed(&harness);
    assert!(before.len() > 1100, "{}", before.len());
    // A record that was uploading fails, and it is older than all others.
    let id = 0xabc_u128;
    harness.simulator().edit(|world| {
        let mut record = Record::new(id, world.now() - 14 * 24 * HOUR);
        record.status = Status::Uploading;
        assert!(world.insert(record));
    });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    eventually_polled(&harness).await;
    harness.simulator().edit(|world| assert!(world.set_status(id, Status::UploadFailed)));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(harness.poll().await, Ok(()));
    let id = format!("{id:032x}");
    let counted = list(&harness, "?counted=true").await;
    assert_eq!((ids(&counted), &counted["total"]), (vec![id.clone()], &json!(1)));
    assert_eq!(
        counted["projects"][0]["before_counting"],
        json!(before.len()),
        "whatever the filter"
    );
    let others = list(&harness, "?counted=false").await;
    assert_eq!(others["total"], json!(before.len()));
    let page = text(&harness, &format!("{PAGE}?counted=true&pool=_none")).await;
    assert!(page.contains(&id) && page.contains("1 failed record."), "{page}");
    assert!(page.contains(&format!(
        "{} of {} failed records in the window date from before counting began",
        before.len(),
        before.len() + 1
    )));
}

/// Polls until the record that was inserted late is known: it is outside of what a poll reads first.
async fn eventually_polled(harness: &Harness) {
    for _ in 0..30 {
        assert_eq!(harness.poll().await, Ok(()));
        tokio::time::sleep(Duration::from_secs(300)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_list_add_up_to_all_of_it() {
    let harness = many(6000).start();
    assert_eq!(harness.poll().await, Ok(()));
    let all = ids(&list(&harness, "").await);
    let mut found = Vec::new();
    let mut next = Some(format!("{JSON}?limit=230"));
    while let Some(uri) = next.take() {
        let (status, headers, body) = request(&harness, &uri).await;
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["total"], json!(all.len()));
        assert_eq!(answer["truncated"], json!(headers.contains_key("link")));
        found.extend(ids(&answer));
        next = headers.get("link").map(|link| {
            let link = link.to_str().unwrap();
            link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned()
        });
    }
    assert_eq!(found, all);
    let page = text(&harness, &format!("{PAGE}?limit=100&offset=200&status=UPLOAD_FAILED")).await;
    assert!(page.contains("Failed records 201 to 300 of "), "{page}");
    for link in ["offset=100\">Previous", "offset=300\">Next"] {
        assert!(page.contains(link), "{link}");
    }
    let beyond = list(&harness, "?offset=100000").await;
    assert_eq!((ids(&beyond).len(), &beyond["total"]), (0, &json!(all.len())));
}

#[tokio::test(start_paused = true)]
async fn the_csv_has_the_rows_of_the_json() {
    let mut setup = many(4000);
    setup.options.hostile_names = true;
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let query = "type=FULL&status=UPLOAD_FAILED&limit=150&offset=20";
    let answer = list(&harness, &format!("?{query}")).await;
    let rows = answer["failures"].as_array().unwrap();
    assert_eq!(rows.len(), 150);
    for uri in [format!("{JSON}?{query}&format=csv"), format!("{PAGE}?{query}&format=csv")] {
        let (status, headers, csv) = request(&harness, &uri).await;
        assert_eq!(status, 200);
        assert_eq!(headers["content-type"], "text/csv; charset=utf-8; header=present");
        assert!(headers["content-disposition"].to_str().unwrap().contains("failures.csv"));
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let heads = reader.headers().unwrap().clone();
        let lines: Vec<BTreeMap<String, String>> = reader
            .records()
            .map(|line| {
                let line = line.unwrap();
                heads.iter().map(str::to_owned).zip(line.iter().map(str::to_owned)).collect()
            })
            .collect();
        assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(rows) {
            assert_eq!(line.len(), row.as_object().unwrap().len());
            for (name, value) in row.as_object().unwrap() {
                let expected = match value {
                    Value::Null => String::new(),
                    Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
                        format!("'{text}")
                    }
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(line[name], expected, "{name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn values_that_no_failed_record_has_are_named() {
    let harness = many(2000).start();
    assert_eq!(harness.poll().await, Ok(()));
    let query = pairs(&[
        ("type", "VIDEO"),
        ("pool", "nowhere"),
        ("user", "<b>"),
        ("desktop", "none"),
        ("counted", "false"),
    ]);
    let answer = list(&harness, &query).await;
    let unknown = json!({"type": "VIDEO", "pool": "nowhere", "user": "<b>", "desktop": "none"});
    assert_eq!((&answer["unknown"], &answer["total"]), (&unknown, &json!(0)));
    let page = text(&harness, &format!("{PAGE}{query}")).await;
    assert!(page.contains("No failed record has the user &lt;b&gt;."), "{page}");
    // Known values that exclude each other are not unknown.
    let first = &list(&harness, "?limit=1").await["failures"][0];
    let (pool, user) = (first["pool"].as_str().unwrap_or("_none"), first["user"].as_str());
    let none = pairs(&[("pool", pool), ("user", user.unwrap_or("_none")), ("to", "2001-01-01")]);
    let answer = list(&harness, &none).await;
    assert_eq!((&answer["unknown"], &answer["total"]), (&json!({}), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn older_failures_show_the_fields_that_are_kept() {
    let mut setup = many(52_500);
    setup.options.users = 90;
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    let failed = failed(&harness);
    assert!(failed.len() > 10_100, "{}", failed.len());
    let answer = list(&harness, "?offset=9990&limit=20").await;
    let of_project = &answer["projects"][0];
    assert_eq!(
        (&of_project["kept"], &of_project["failed"]),
        (&json!(10_000), &json!(failed.len()))
    );
    for (number, row) in answer["failures"].as_array().unwrap().iter().enumerate() {
        let record = &failed[9990 + number];
        assert_eq!(row["start_time"], json!(rfc3339(record.start)));
        let is_kept = number < 10;
        assert_eq!(row["id"].is_string(), is_kept, "{number}");
        let mut names = (String::new(), String::new(), None);
        harness.simulator().edit(|world| {
            let of = world.directory();
            let user = record.user.map(|user| of.user_name(user).to_owned());
            names = (
                of.desktop_id(record.desktop).to_owned(),
                of.desktop_name(record.desktop).to_owned(),
                user,
            );
        });
        assert_eq!((&row["desktop_id"], &row["desktop_name"]), (&json!(names.0), &json!(names.1)));
        assert_eq!(
            (&row["user"], &row["type"]),
            (&json!(names.2), &json!(record.kind.code()).clone())
        );
    }
    let page = text(&harness, &format!("{PAGE}?offset=9990&limit=20")).await;
    assert!(page.contains("kept for the newest 10000 failed records"), "{page}");
}

/// Texts that a field of a form cannot hold.
const UNFIT: [&str; 4] = ["carriage\r\ntab\t3", "\rafter a return", "new\nline", "\u{202e}turned"];

#[tokio::test(start_paused = true)]
async fn a_field_selects_the_failures_whose_name_it_shows() {
    let mut setup = many(0);
    setup.options.desktops = 1;
    let harness = setup.start();
    harness.simulator().edit(|world| {
        for (number, text) in (1..).zip(UNFIT) {
            let mut record = Record::new(number, world.now() - HOUR);
            record.status = Status::UploadFailed;
            record.user = Some(world.directory_mut().add_user(text));
            record.desktop = world.directory_mut().add_desktop(text, None);
            assert!(world.insert(record));
        }
    });
    assert_eq!(harness.poll().await, Ok(()));
    for text in UNFIT {
        let shown = text.replace(|c: char| c.is_control() || c == '\u{202e}', "\u{fffd}");
        for field in ["user", "desktop"] {
            let by_text = list(&harness, &pairs(&[(field, text)])).await;
            let by_shown = list(&harness, &pairs(&[(field, &shown)])).await;
            assert_eq!(ids(&by_text).len(), 1, "{field} {text:?}");
            assert_eq!(ids(&by_text), ids(&by_shown), "{field} {text:?}");
            assert_eq!(by_shown["unknown"], json!({}));
            let page = text_of_field(&harness, field, text).await;
            assert_eq!(page, shown, "the form sends what selects it");
        }
    }
}

/// Returns the value of a field of the form after a request with a filter.
async fn text_of_field(harness: &Harness, field: &str, filter: &str) -> String {
    let page = text(harness, &format!("{PAGE}{}", pairs(&[(field, filter)]))).await;
    let input = page.split(&format!("<input name=\"{field}\"")).nth(1).unwrap();
    let input = input.split('>').next().unwrap();
    input.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_about_failures_before_the_first_poll() {
    let harness = many(100).start();
    let answer = list(&harness, "?user=somebody").await;
    let of_project = &answer["projects"][0];
    for name in ["failed", "before_counting", "kept", "as_of"] {
        assert_eq!(of_project[name], Value::Null, "{name}");
    }
    assert_eq!(answer["unknown"], json!({}));
    let page = text(&harness, &format!("{PAGE}?user=somebody")).await;
    assert!(page.contains("No known failed records match."), "{page}");
}

#[tokio::test(start_paused = true)]
async fn hidden_users_cannot_be_filtered() {
    let mut setup = many(1000);
    setup.poll.users = Users::dropped();
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    for path in [JSON, PAGE] {
        for user in ["user-0001", "_none"] {
            let (status, _, body) = request(&harness, &format!("{path}?user={user}")).await;
            assert_eq!(status, 400, "{path}: {body}");
            assert!(body.contains("hides users"), "{body}");
        }
    }
    let page = text(&harness, &format!("{PAGE}?desktop=desktop-0001")).await;
    assert!(page.contains("Names are hidden"), "{page}");
}
