//! The command `records`: formats, conditions and sums, against the simulator's truth.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use records_api_simulator::StatusFilter;
use serde_json::Value;

use super::api::{Listed, Served, TRUE_COLUMNS, only, parsed};
use crate::support::{project, write};

/// The columns that the documents name.
const HEADER: &str = "project,id,desktop_id,desktop_name,desktop_pool_id,username,size,type,status,\
                      policy_id,obs_bucket,file_directory,video_filename,video_file_sha256,\
                      event_filename,event_file_sha256,start_time,end_time,update_time,duration,\
                      upload_type,site_type\r\n";

#[tokio::test]
async fn the_list_is_the_truth_of_the_api_with_all_fields() {
    let served = Served::start(5000, |options| options.odd_share = 0.05).await;
    let output = served.run(&[]).await;
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.starts_with(HEADER.as_bytes()));
    let listed = parsed(&output.stdout);
    let truth = served.truth(i64::MIN);
    assert_eq!(only(&listed, &TRUE_COLUMNS), only(&truth, &TRUE_COLUMNS));
    for column in ["file_directory", "video_filename", "video_file_sha256", "event_filename"] {
        assert!(listed.iter().any(|row| !row[column].is_empty()), "{column}");
    }
    assert!(listed.iter().all(|row| row["upload_type"] == "AUTO" && !row["site_type"].is_empty()));
    assert!(listed.iter().all(|row| row["project"] == "p"));
}

#[tokio::test]
async fn json_lines_have_numbers_as_numbers_and_missing_values_as_null() {
    let served = Served::start(300, |_| {}).await;
    let output = served.run(&["--format", "jsonl"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 300);
    assert!(text.starts_with("{\"project\":\"p\",\"id\":\""), "{text}");
    let csv = served.list(&[]).await;
    for (row, expected) in rows.iter().zip(&csv) {
        assert_eq!(row.as_object().unwrap().len(), 22);
        for (name, value) in row.as_object().unwrap() {
            let text = match value {
                Value::Null => String::new(),
                Value::Number(number) => {
                    assert!(matches!(name.as_str(), "size" | "duration"), "{name}");
                    number.to_string()
                }
                value => value.as_str().unwrap().to_owned(),
            };
            assert_eq!(text, expected[name], "{name}");
        }
    }
}

#[tokio::test]
async fn a_table_has_aligned_columns() {
    let served = Served::start(50, |_| {}).await;
    let output = served.run(&["--format", "table"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let header = text.lines().next().unwrap();
    assert_eq!(
        header.split_whitespace().collect::<Vec<_>>(),
        [
            "start_time",
            "status",
            "type",
            "project",
            "desktop_pool_id",
            "desktop_name",
            "username",
            "duration",
            "size",
            "id"
        ]
    );
    assert_eq!(text.lines().count(), 51);
    let id = header.find("id").unwrap_or_default();
    assert!(id > 0 && text.lines().skip(1).all(|line| line.split("  ").count() > 8), "{text}");
}

/// The true records for which a column has a value.
fn with(truth: &[Listed], column: &str, value: &str) -> Vec<Vec<String>> {
    let rows: Vec<_> = truth.iter().filter(|row| row[column] == value).cloned().collect();
    only(&rows, &["id"])
}

#[tokio::test]
async fn every_condition_selects_exactly_its_records() {
    for filter in [StatusFilter::Documented, StatusFilter::Refused, StatusFilter::Ignored] {
        let served = Served::start(3000, |options| {
            options.failure_share = 0.2;
            options.dialect.status_filter = filter;
            options.desktops = 20;
        })
        .await;
        let truth = served.truth(i64::MIN);
        // Some records have no user, type or status.
        let is_whole = |row: &&Listed| {
            ["username", "type", "status"].iter().all(|column| !row[*column].is_empty())
        };
        let first = truth.iter().find(is_whole).unwrap();
        for column in ["status", "type"] {
            let flag = format!("--{column}");
            let mut values: Vec<_> = truth.iter().map(|row| row[column].clone()).collect();
            values.sort();
            values.dedup();
            for value in values {
                let listed = served.list(&[&flag, &value]).await;
                assert_eq!(only(&listed, &["id"]), with(&truth, column, &value), "{value}");
            }
        }
        let pool_name = served.simulator.edit(|world| {
            let directory = world.directory();
            let pools = 0..directory.pool_count();
            let named = pools.map(|pool| (directory.pool_id(pool), directory.pool_name(pool)));
            let named = named.map(|(id, name)| (id.to_owned(), name.to_owned()));
            named.collect::<BTreeMap<_, _>>()
        });
        let pooled = truth.iter().find(|row| !row["desktop_pool_id"].is_empty()).unwrap();
        let pool = &pooled["desktop_pool_id"];
        for (flag, value, column, expected) in [
            ("--user", &first["username"], "username", &first["username"]),
            ("--desktop", &first["desktop_id"], "desktop_id", &first["desktop_id"]),
            ("--desktop", &first["desktop_name"], "desktop_name", &first["desktop_name"]),
            ("--pool", pool, "desktop_pool_id", pool),
            ("--pool", &pool_name[pool], "desktop_pool_id", pool),
            ("--pool", &"_none".to_owned(), "desktop_pool_id", &String::new()),
            ("--user", &"nobody".to_owned(), "username", &"nobody".to_owned()),
            ("--desktop", &"no such desktop".to_owned(), "desktop_name", &"-".to_owned()),
        ] {
            let listed = served.list(&[flag, value]).await;
            assert_eq!(only(&listed, &["id"]), with(&truth, column, expected), "{flag} {value}");
        }
        let all = served.list(&[]).await;
        for (flag, column) in [("--bucket", "obs_bucket"), ("--policy", "policy_id")] {
            // Some records have none.
            let value = all.iter().map(|row| &row[column]).find(|value| !value.is_empty()).unwrap();
            let listed = served.list(&[flag, value]).await;
            assert_eq!(only(&listed, &["id"]), with(&all, column, value), "{flag}");
        }
        let flags = ["--user", &first["username"], "--type", &first["type"], "--status"];
        let listed = served.list(&[&flags[..], &[&first["status"]]].concat()).await;
        let is_wanted = |row: &&Listed| {
            ["username", "type", "status"].iter().all(|column| row[*column] == first[*column])
        };
        let expected: Vec<_> = truth.iter().filter(is_wanted).cloned().collect();
        assert_eq!(only(&listed, &["id"]), only(&expected, &["id"]));
    }
}

#[tokio::test]
async fn a_condition_that_the_api_supports_costs_few_requests() {
    let served = Served::start(20_000, |_| {}).await;
    let truth = served.truth(i64::MIN);
    let first = &truth[0];
    for (flag, column) in
        [("--desktop", "desktop_id"), ("--desktop", "desktop_name"), ("--user", "username")]
    {
        let before = requests(&served);
        let listed = served.list(&[flag, &first[column]]).await;
        assert_eq!(only(&listed, &["id"]), with(&truth, column, &first[column]));
        let made = requests(&served) - before;
        assert!(made <= 6, "{flag} {column}: {made} requests");
    }
}

fn requests(served: &Served) -> u64 {
    let requests = serde_json::to_value(served.simulator.requests()).unwrap();
    let counts = requests["counts"]["records"].as_object().cloned().unwrap_or_default();
    counts.values().filter_map(Value::as_u64).sum()
}

#[tokio::test]
async fn the_summary_adds_up_all_records() {
    let served = Served::start(4000, |options| options.failure_share = 0.1).await;
    let all = served.list(&[]).await;
    let mut expected = BTreeMap::<Vec<String>, (u64, u64, u64)>::new();
    for row in &all {
        let part = |name: &str| match row[name].as_str() {
            "" => "_none".to_owned(),
            value => value.to_owned(),
        };
        let key = ["project", "status", "desktop_pool_id", "obs_bucket"].map(part).to_vec();
        let sums = expected.entry(key).or_default();
        sums.0 += 1;
        sums.1 += row["size"].parse::<u64>().unwrap_or(0);
        sums.2 += row["duration"].parse::<u64>().unwrap_or(0);
    }
    let output = served.run(&["--summary"]).await;
    let listed = parsed(&output.stdout);
    assert!(output.stdout.starts_with(b"project,status,pool,bucket,records,bytes,hours\r\n"));
    assert_eq!(listed.len(), expected.len());
    for (row, (key, (records, bytes, seconds))) in listed.iter().zip(&expected) {
        let columns = ["project", "status", "pool", "bucket"];
        assert_eq!(&columns.map(|name| row[name].clone()).to_vec(), key);
        assert_eq!((&row["records"], &row["bytes"]), (&records.to_string(), &bytes.to_string()));
        let hours: f64 = row["hours"].parse().unwrap();
        assert!((hours - *seconds as f64 / 3600.0).abs() < 0.001, "{row:?}");
    }
    let output = served.run(&["--summary", "--format", "jsonl"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["records"].as_u64().unwrap());
    assert_eq!(records.sum::<u64>(), 4000);
    let output = served.run(&["--summary", "--format", "table"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), expected.len() + 1);
}

#[tokio::test]
async fn start_and_end_are_exact_and_may_be_dates() {
    let served = Served::start(3000, |_| {}).await;
    let truth = served.truth(i64::MIN);
    let (start, end) = (&truth[700]["start_time"], &truth[1900]["start_time"]);
    let listed = served.list(&["--start", start, "--end", end]).await;
    let within = truth.iter().filter(|row| row["start_time"] >= *start && row["start_time"] < *end);
    let within: Vec<_> = within.cloned().collect();
    assert_eq!(only(&listed, &["id"]), only(&within, &["id"]));
    let (start, end) = (&served.days_ago(9)[..10], &served.days_ago(3)[..10]);
    let listed = served.list(&["--start", start, "--end", end]).await;
    let within = truth.iter().filter(|row| &row["start_time"][..] >= start);
    let within: Vec<_> = within.filter(|row| &row["start_time"][..] < end).cloned().collect();
    assert_eq!(only(&listed, &["id"]), only(&within, &["id"]));
}

#[tokio::test]
async fn projects_are_listed_one_after_the_other_within_their_filters() {
    let served = Served::start(500, |_| {}).await;
    let truth = served.truth(i64::MIN);
    let mut users = truth.iter().map(|row| &row["username"]);
    let user = users.find(|user| !user.is_empty()).unwrap();
    let (one, two) = (project("one", &served.url), project("two", &served.url));
    let filter = format!("filter = {{ username = \"{user}\" }}\n");
    write(served.folder.path(), "config.toml", &format!("{one}{two}{filter}"));
    let listed = served.list(&[]).await;
    let expected = [only(&truth, &["id"]), with(&truth, "username", user)].concat();
    assert_eq!(only(&listed, &["id"]), expected);
    let names: Vec<_> = listed.iter().map(|row| row["project"].as_str()).collect();
    assert!(names[..500].iter().all(|name| *name == "one"));
    assert!(names[500..].iter().all(|name| *name == "two") && names.len() > 500);
    let listed = served.list(&["--project", "two"]).await;
    assert_eq!(only(&listed, &["id"]), with(&truth, "username", user));
    let other = truth.iter().find(|row| row["username"] != *user).unwrap();
    let listed = served.list(&["--project", "two", "--user", &other["username"]]).await;
    assert!(listed.is_empty());
}

#[tokio::test]
async fn hostile_texts_survive_and_are_no_formulas() {
    let served = Served::start(2000, |options| {
        options.hostile_names = true;
        options.users = 60;
    })
    .await;
    served.simulator.edit(|world| {
        let names = ["=1+2", "+3", "-4", "@x", "\tx", "\rx", "a\r\nb", "\"q\"", "a,b;c", "用户"];
        for name in names {
            let user = world.directory_mut().add_user(name);
            let id = world.record_at(5).unwrap().id ^ u128::from(user);
            let mut record = world.record_at(5).unwrap().clone();
            (record.id, record.user) = (id, Some(user));
            assert!(world.insert(record));
        }
    });
    let truth = served.truth(i64::MIN);
    let raw = served.list(&["--raw"]).await;
    assert_eq!(only(&raw, &TRUE_COLUMNS), only(&truth, &TRUE_COLUMNS));
    let guarded = served.list(&[]).await;
    let mut formulas = 0;
    for (guarded, raw) in guarded.iter().zip(&raw) {
        for (name, value) in guarded {
            assert!(!value.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {value:?}");
            if raw[name] != *value {
                assert_eq!(*value, format!("'{}", raw[name]));
                formulas += 1;
            }
        }
    }
    assert!(formulas >= 6, "{formulas}");
}

/// Most scripts read the list with Python's `csv`.
#[cfg(feature = "end-to-end")]
#[tokio::test]
async fn python_reads_what_was_written() {
    let served = Served::start(3000, |options| options.hostile_names = true).await;
    let path = served.folder.path().join("list.csv");
    let output = served.run(&["--raw", "--output", path.to_str().unwrap()]).await;
    assert!(output.status.success(), "{output:?}");
    let reader = "import csv, json, sys\n\
                  print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))\n";
    let python = std::env::var("SCREEN_RECORDS_TEST_PYTHON").expect("tests/run sets it");
    let mut command = std::process::Command::new(python);
    command.args(["-c", reader]).arg(&path).env("PYTHONUTF8", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<Listed> = serde_json::from_slice(&output.stdout).unwrap();
    let truth = served.truth(i64::MIN);
    assert_eq!(only(&rows, &TRUE_COLUMNS), only(&truth, &TRUE_COLUMNS));
    assert!(rows.iter().all(|row| row.len() == 22));
}

#[tokio::test]
async fn a_file_is_for_its_owner_and_replaces_the_earlier_one() {
    let served = Served::start(100, |_| {}).await;
    let path = served.folder.path().join("list.csv");
    std::fs::write(&path, "earlier").unwrap();
    let output = served.run(&["--output", path.to_str().unwrap()]).await;
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert_eq!(parsed(&std::fs::read(&path).unwrap()).len(), 100);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(served.folder.path()).unwrap().count(), 2);
}
