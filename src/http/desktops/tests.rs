//! Unit tests with snapshots made by hand.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::ledger::ServedPoll;
use crate::ledger::ValueLimit;
use crate::snapshot::{Aggregate, Confirmation, Desktop, ProjectLabels, RecordsSnapshot, Snapshot};
use records_api::{DesktopPool, SignIn};

/// Time of the snapshots.
pub(in crate::http) const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

pub(in crate::http) fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::from_millis(NOW - hours * HOUR)
}

/// Creates a desktop that is silent for so many hours.
pub(in crate::http) fn desktop(id: &str, pool: Option<&str>, hours: i64) -> Desktop {
    Desktop {
        id: id.into(),
        name: Some(format!("name of {id}").into()),
        pool: pool.map(Into::into),
        records: 3,
        failed: 1,
        last_start: hours_ago(hours),
        last_upload: Some(hours_ago(hours - 1)),
    }
}

/// Creates a project with desktops, and the pools `a` and `b`, which have names.
pub(in crate::http) fn view(project: &str, desktops: Vec<Desktop>) -> ProjectView {
    let labels = ProjectLabels { project: project.to_owned(), ..ProjectLabels::default() };
    let mut snapshot = Snapshot::new(labels.into(), Duration::from_secs(15 * 24 * 3600));
    let pool = |id: &str, name: &str| DesktopPool {
        id: id.to_owned(),
        name: name.to_owned(),
        desktop_count: None,
    };
    snapshot.records = Some(Arc::new(RecordsSnapshot {
        aggregate: Aggregate::default(),
        poll: ServedPoll { completed: hours_ago(0), ..ServedPoll::default() },
        completed_at: Instant::now(),
        pools: vec![pool("a", "Sales"), pool("b", "R&D")],
    }));
    snapshot.desktops = desktops.into();
    ProjectView {
        snapshot: snapshot.into(),
        at: Instant::now(),
        confirmation: Confirmation::Current,
        is_stale: false,
        first_sync_progress: 1.0,
        sign_in: SignIn { method: "token", expires: None },
        page_size: 1000,
    }
}

fn changed(mut view: ProjectView, change: impl FnOnce(&mut Snapshot)) -> ProjectView {
    change(Arc::make_mut(&mut view.snapshot));
    view
}

fn parse(query: &str) -> Query {
    Query::parse(query, Format::Json, &["p", "q"]).unwrap()
}

fn ids(projects: &[ProjectView], query: &str) -> (Vec<String>, usize) {
    let found = find(projects, &parse(query));
    (found.rows.iter().map(|row| row.desktop.id.to_string()).collect(), found.total)
}

fn two_projects() -> Vec<ProjectView> {
    let one = vec![desktop("1", Some("a"), 50), desktop("2", None, 24), desktop("3", Some("b"), 1)];
    let other = vec![desktop("4", Some("a"), 50), desktop("5", Some("gone"), 23)];
    vec![view("q", other), view("p", one)]
}

#[test]
fn the_longest_silent_desktop_comes_first() {
    let projects = two_projects();
    let found = |query| ids(&projects, query).0.concat();
    assert_eq!(found(""), "14253", "the project decides between equal times");
    assert_eq!(found("silent_for=24h"), "142");
    assert_eq!(found("silent_for=24h 1ms"), "14");
    assert_eq!(found("silent_for=0s"), "14253");
    assert_eq!(found("silent_for=1000y"), "");
    assert_eq!(found("pool=a"), "14");
    assert_eq!(found("pool=R%26D"), "3");
    assert_eq!(found("pool=_none"), "2");
    assert_eq!(found("pool=Sales&silent_for=51h"), "");
}

#[test]
fn the_time_of_the_answer_is_that_of_the_snapshot() {
    let late = changed(view("p", vec![desktop("1", None, 24)]), |snapshot| {
        let records = Arc::make_mut(snapshot.records.as_mut().unwrap());
        records.poll.completed = Timestamp::from_millis(NOW - 1);
    });
    assert_eq!(ids(&[late], "silent_for=24h").0, [""; 0]);
    let future = view("p", vec![desktop("1", None, -1)]);
    assert_eq!(ids(&[future], "silent_for=0s").0, ["1"], "its clock may be ahead");
}

#[test]
fn pages_partition_the_list() {
    let desktops = (0..2500).map(|n| desktop(&format!("{n:04}"), None, 9000 - n)).collect();
    let projects = [view("p", desktops)];
    let mut all = Vec::new();
    let mut offsets = vec![0];
    while let Some(offset) = offsets.last().copied() {
        let query = parse(&format!("limit=1000&offset={offset}"));
        let found = find(&projects, &query);
        all.extend(found.rows.iter().map(|row| row.desktop.id.to_string()));
        assert_eq!(found.total, 2500);
        match found.next_offset(&query) {
            Some(next) => offsets.push(next),
            None => break,
        }
    }
    assert_eq!(offsets, [0, 1000, 2000]);
    assert!(all.iter().cloned().eq((0..2500).map(|n| format!("{n:04}"))));
    let (beyond, total) = ids(&projects, "offset=18446744073709551615");
    assert_eq!((beyond.len(), total), (0, 2500));
}

#[test]
fn truncated_ids_of_pools_match_too() {
    let long = "x".repeat(300);
    let labels = ProjectLabels { value_limit: ValueLimit::new(64), ..ProjectLabels::default() };
    let shown = labels.value_limit.shown(&long).into_owned();
    let view = changed(view("p", vec![desktop("1", Some(&long), 1)]), |snapshot| {
        snapshot.labels = Arc::new(labels);
    });
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("pool", &shown).finish();
    assert_eq!(ids(&[view], &query).0, ["1"]);
}

#[test]
fn the_json_has_totals_and_ages() {
    let projects = two_projects();
    let query = parse("limit=1&offset=3");
    let body = json(&projects, &find(&projects, &query), &query);
    let expected = json!({
        "projects": [
            {"name": "q", "as_of": "2023-11-14T22:13:20.000Z", "stale": false, "desktops": 2},
            {"name": "p", "as_of": "2023-11-14T22:13:20.000Z", "stale": false, "desktops": 3},
        ],
        "desktops": [{
            "project": "q", "desktop_id": "5", "desktop_name": "name of 5", "pool": "gone",
            "pool_name": null, "records": 3, "failed": 1,
            "last_start": "2023-11-13T23:13:20.000Z", "last_upload": "2023-11-14T00:13:20.000Z",
        }],
        "total": 5,
        "truncated": true,
        "unknown": {},
    });
    assert_eq!(body, expected);
}

#[test]
fn a_pool_that_nobody_knows_is_named() {
    let projects = two_projects();
    let unknown = |text: &str| {
        let query = parse(text);
        json(&projects, &find(&projects, &query), &query)["unknown"].clone()
    };
    assert_eq!(unknown("pool=Salse"), json!({"pool": "Salse"}));
    for known in ["", "pool=b&project=q", "pool=gone", "pool=a&silent_for=1000h", "pool=_none"] {
        assert_eq!(unknown(known), json!({}), "{known}");
    }
}

#[test]
fn before_the_first_poll_nothing_is_known_and_later_it_may_be_stale() {
    let none = changed(view("p", Vec::new()), |snapshot| snapshot.records = None);
    let after_start = changed(view("q", vec![desktop("1", None, 5)]), |snapshot| {
        snapshot.records = None;
        snapshot.last_poll = Some(hours_ago(3));
    });
    let old = ProjectView { is_stale: true, ..view("p", vec![desktop("2", None, 4)]) };
    let projects = [none, after_start, old];
    let body = json(&projects, &find(&projects, &parse("")), &parse(""));
    let ages: Vec<_> =
        (0..3).map(|n| (&body["projects"][n]["as_of"], &body["projects"][n]["stale"])).collect();
    let times = [Value::Null, hours_ago(3).to_rfc3339().into(), hours_ago(0).to_rfc3339().into()];
    let stale = json!(true);
    assert_eq!(ages, [(&times[0], &stale), (&times[1], &stale), (&times[2], &stale)]);
    assert_eq!(ids(&projects, "").0, ["1", "2"]);
    assert_eq!(ids(&projects, "silent_for=3h").0, ["2"]);
}

#[test]
fn the_csv_is_read_back_by_a_parser() {
    let hostile = ["=1+1", "a\"b,c\r\nd", "\ttab", "@x", "用户 \u{202e}", "'quoted'"];
    let mut desktops: Vec<_> =
        hostile.iter().zip(1..).map(|(text, hours)| desktop(text, Some(text), hours)).collect();
    desktops.push(Desktop {
        name: None,
        last_upload: None,
        records: 0,
        failed: 0,
        ..desktop("plain", None, 100)
    });
    let projects = [view("p", desktops)];
    let found = find(&projects, &parse("format=csv"));
    let bytes = csv(row::COLUMNS, found.rows.iter().map(|row| row.to_csv()));
    let mut reader = ::csv::Reader::from_reader(&*bytes);
    assert_eq!(reader.headers().unwrap(), &row::COLUMNS[..]);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let first = ["p", "plain", "", "", "", "0", "0", "2023-11-10T18:13:20.000Z", ""];
    assert_eq!(rows[0], first[..]);
    let read: Vec<_> =
        rows[1..].iter().rev().map(|row| (row[1].to_owned(), row[3].to_owned())).collect();
    let expected = ["'=1+1", "a\"b,c\r\nd", "'\ttab", "'@x", "用户 \u{202e}", "'quoted'"];
    assert_eq!(read, expected.map(|text| (text.to_owned(), text.to_owned())));
    let json = json(&projects, &find(&projects, &parse("")), &parse(""));
    let keys = json["desktops"][0].as_object().unwrap();
    assert!(row::COLUMNS.iter().all(|column| keys.contains_key(*column)));
    assert_eq!(keys.len(), row::COLUMNS.len());
}
