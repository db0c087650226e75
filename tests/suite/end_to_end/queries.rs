//! Asks every query of the dashboards of a real Prometheus that scraped a living API for a while.

use std::fmt::Write as _;
use std::path::Path;

use records_api::clock::{Clock, SystemClock};
use serde_json::Value;

use super::prometheus::{INTERVAL, Prometheus, newer, records, scrapes};
use crate::dashboards::board::{ALL, Board, Panel, Target, targets};
use crate::dashboards::names::{needs_database, queries_of_rules, recorded};
use crate::dashboards::promql::{Query, Selector};
use crate::support::{Api, Exporter, Metrics, config, eventually};

/// Short lives, so that within seconds something has gone each way that a recording may go.
const LIVING: [&str; 10] = [
    "--records",
    "2000",
    "--live",
    "80",
    "--recording-length",
    "4s",
    "--upload-time",
    "2s",
    "--failure-share",
    "0.2",
];
/// In the background, since scrapes are too rare to see each status of such a life.
const POLLING: &str = "[poll]\nmin_interval = \"1s\"\nmode = \"background\"\ncounter_hold = \"2s\"\n\
                       [api]\nmax_requests_per_second = 1000\n";

/// The rules of the alerts are not loaded.
const NO_ALERTS: &str = ": Firing alerts A";

/// What a healthy system that has just begun does not have.
const NOT_YET: [&str; 6] = [
    NO_ALERTS,
    ": New recordings per hour, compared with a week ago B",
    ": Desktops recorded in the last day, compared with a week ago B",
    ": Desktops by pool B",
    ": Credentials expire in A",
    ": Rejected rows and unknown values B",
];

/// A query as Grafana sends it, with all of everything chosen.
pub(super) fn interpolated(query: &str) -> String {
    let mut query = query.to_owned();
    for (variable, value) in [("$__rate_interval", "30s"), ("$__range", "1m")] {
        query = query.replace(variable, value);
    }
    for variable in ["$job", "$instance", "$project", "$pool", "$type", "$user"] {
        query = query.replace(variable, ALL);
    }
    assert!(!query.contains('$') || query.contains("\"$1\""), "{query}");
    query
}

fn now() -> i64 {
    SystemClock.now_millis() / 1000
}

/// What Prometheus answers to a target, series by series.
async fn answer(prometheus: &Prometheus, target: &Target) -> Vec<Value> {
    let query = interpolated(&target.expression);
    let (end, start) = (now().to_string(), (now() - 30).to_string());
    let answer = if target.is_instant {
        prometheus.get("query", &[("query", &query)]).await
    } else {
        let range = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "1")];
        prometheus.get("query_range", &range).await
    };
    assert_eq!(answer["status"], "success", "{}: {query}: {answer}", target.place);
    answer["data"]["result"].as_array().unwrap().clone()
}

/// Whether a series has something that can be drawn.
fn is_drawn(series: &Value) -> bool {
    let is_number = |sample: &Value| sample[1] != "NaN";
    let has = |name: &str| series[name].as_array().is_some_and(|samples| !samples.is_empty());
    let values = series["values"].as_array().into_iter().flatten();
    let one = series.get("value").into_iter();
    has("histograms") || values.chain(one).any(is_number)
}

/// Whether a target asks only for what an exporter with a database has.
fn is_of_database(target: &Target) -> bool {
    let selectors = Query::of(&target.expression).selectors;
    selectors.iter().all(|selector| needs_database(&selector.name))
}

/// Each label of the legend is one of the series.
fn assert_legend(target: &Target, series: &[Value]) {
    for part in target.legend.split("{{").skip(1) {
        let label = part.split("}}").next().unwrap();
        let is_native = |one: &&Value| one.get("histograms").is_some();
        for one in series.iter().filter(|one| !is_native(one)) {
            assert!(one["metric"].get(label).is_some(), "{}: no {label}: {one}", target.place);
        }
    }
}

/// Each column that is given a name is there.
fn assert_columns(panel: &Panel, answers: &[(Target, Vec<Value>)]) {
    let transformations = panel.json["transformations"].as_array().into_iter().flatten();
    for organized in transformations.filter(|one| one["id"] == "organize") {
        for column in organized["options"]["indexByName"].as_object().unwrap().keys() {
            let is_there = answers.iter().any(|(target, series)| {
                let is_value = column.strip_prefix("Value #") == target.json["refId"].as_str();
                is_value || series.iter().all(|one| one["metric"].get(column).is_some())
            });
            assert!(is_there, "{}: column {column} is missing", panel.place());
        }
    }
}

/// Every query of every panel and variable; those of `may_be_empty` may have no rows, if their panel says
/// so.
async fn assert_answers(prometheus: &Prometheus, may_be_empty: &[&str]) {
    for board in Board::all() {
        for panel in board.panels() {
            let mut answers = Vec::new();
            for target in panel.targets() {
                let series = answer(prometheus, &target).await;
                let drawn = series.iter().filter(|one| is_drawn(one)).count();
                let is_excused = panel.may_be_empty()
                    && (may_be_empty.iter().any(|place| target.place.ends_with(place))
                        || is_of_database(&target));
                assert!(drawn > 0 || is_excused, "{} is empty", target.place);
                assert_legend(&target, &series);
                answers.push((target, series));
            }
            assert_columns(&panel, &answers);
        }
        for annotation in board.annotations() {
            let moments = prometheus.answer(&interpolated(&annotation)).await;
            assert!(!moments.as_array().unwrap().is_empty(), "{}: {annotation}", board.file);
        }
        for (series, label) in board.label_values() {
            let matched = interpolated(&series);
            let path = format!("label/{label}/values");
            let values = prometheus.get(&path, &[("match[]", &matched)]).await;
            let count = values["data"].as_array().unwrap().len();
            assert!(count > 0, "{}: {label}", board.file);
        }
    }
}

/// Each series that a rule asks for is there, so that a rule that never fires is not one that asks for
/// something that there is not.
async fn assert_rules_ask_for_what_there_is(prometheus: &Prometheus) {
    let recorded = recorded();
    let mut asked = 0;
    for (place, query) in queries_of_rules() {
        for selector in Query::of(&query).selectors {
            // The rules of the alerts are not loaded, and an alert has a series only while it is active.
            let is_made_by_rules = recorded.contains(&selector.name) || selector.name == "ALERTS";
            if is_made_by_rules || selector.name == "up" || needs_database(&selector.name) {
                continue;
            }
            let series = prometheus.answer(&written(&selector)).await;
            assert!(!series.as_array().unwrap().is_empty(), "{place}: no {}", written(&selector));
            asked += 1;
        }
    }
    assert!(asked > 15, "{asked}");
}

fn written(selector: &Selector) -> String {
    let matchers = selector.matchers.iter();
    let matchers = matchers.map(|m| format!("{}{}\"{}\"", m.label, m.operator, m.value));
    format!("{}{{{}}}", selector.name, matchers.collect::<Vec<_>>().join(","))
}

/// Long enough that something of each kind has been counted, and is shown after the hold.
async fn has_lived(prometheus: &Prometheus) {
    for query in [
        "min(count_over_time(workspace_screen_records_up[5m])) > 4",
        "min(sum by (status) (increase(workspace_screen_record_transitions_total[1m]))) > 0",
    ] {
        eventually(query, async || (prometheus.value(query).await?.is_normal()).then_some(()))
            .await;
    }
}

/// Recorded series of new recordings and of desktops, as they were a week ago.
fn last_week(metrics: &Metrics) -> String {
    let mut text = String::new();
    let begin = now() - 7 * 24 * 3600 - 2 * 3600;
    let by_pool = "workspace_desktops_recorded_last_day";
    for recorded in [
        "project_pool:workspace_screen_records_seen:increase1h",
        "project_pool:workspace_desktops_recorded_last_day:max",
    ] {
        let _ = writeln!(text, "# TYPE {recorded} gauge");
        for name in metrics.of(&format!("{by_pool}{{")).keys() {
            let series = name.replace(by_pool, recorded);
            for minute in 0..180 {
                let _ = writeln!(text, "{series} {minute} {}", begin + minute * 60);
            }
        }
    }
    text + "# EOF\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_system_leaves_no_panel_empty_but_those_that_say_so() {
    let api = Api::start(&LIVING);
    let exporter = Exporter::start(&config(&api.url, POLLING)).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let config = records(&scrapes(&exporter.url, INTERVAL, ""));
    let prometheus = Prometheus::launch(Path::new("prometheus"), &[], &config).await;
    has_lived(&prometheus).await;
    assert_answers(&prometheus, &NOT_YET).await;

    // What was drawn stays when the exporter is gone, and that it is gone is said.
    drop(exporter);
    eventually("nothing has been scraped for some seconds", async || {
        (prometheus.value("max_over_time(up[12s])").await? == 0.0).then_some(())
    })
    .await;
    for target in targets().iter().filter(|target| !target.is_instant) {
        let is_there = answer(&prometheus, target).await.iter().any(is_drawn);
        let is_excused =
            is_of_database(target) || NOT_YET.iter().any(|place| target.place.ends_with(place));
        assert!(is_there || is_excused, "{} is empty", target.place);
    }
    let all_up = targets().into_iter().find(|target| target.place.contains("All projects up"));
    assert_eq!(answer(&prometheus, &all_up.unwrap()).await[0]["value"][1], "0");
}

/// With values that are not understood, credentials that end, and a week of history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_answers_where_there_is_something_to_answer() {
    let signs_in = ["--iam-domain", "acme", "--iam-user", "robot", "--iam-password", "secret"];
    let api = Api::start(&[&LIVING[..], &["--odd-share", "0.02"], &signs_in].concat());
    let exporter = Exporter::start(&format!(
        "{POLLING}[[projects]]\nname = \"main\"\nproject_id = \"0\"\nendpoint = \"{0}\"\nauth = {{ \
         method = \"password\", iam_endpoint = \"{0}\", domain = \"acme\", username = \"robot\", \
         password = \"secret\" }}\n",
        api.url
    ))
    .await;
    let metrics =
        exporter.scraped_until("workspace_screen_records_up{project=\"main\"}", 1.0).await;
    let history = last_week(&metrics);
    let both = "  scrape_classic_histograms: true\n";
    let native = "--enable-feature=native-histograms";
    let newer = newer("prometheus");
    let cases = [
        (Path::new("prometheus"), vec![], ""),
        (newer.as_path(), vec![native], ""),
        (newer.as_path(), vec![native], both),
    ];
    let all = cases.map(|(program, flags, more)| {
        let config = records(&scrapes(&exporter.url, INTERVAL, more));
        let history = history.clone();
        async move { Prometheus::launch_after(&history, program, &flags, &config).await }
    });
    for prometheus in futures_util::future::join_all(all).await {
        has_lived(&prometheus).await;
        assert_answers(&prometheus, &[NO_ALERTS]).await;
        assert_rules_ask_for_what_there_is(&prometheus).await;
        assert_eq!(prometheus.complaints(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_values_of_a_variable_include_names_with_a_newline() {
    let at = now() - 60;
    let mut history = "# TYPE workspace_screen_records gauge\n".to_owned();
    for pool in ["sales", "sales\\nnorth", "\\n"] {
        let _ = writeln!(history, "workspace_screen_records{{pool=\"{pool}\"}} 100 {at}");
    }
    history += "# EOF\n";
    for program in [Path::new("prometheus"), &newer("prometheus")] {
        let config = scrapes("127.0.0.1:1", INTERVAL, "");
        let prometheus = Prometheus::launch_after(&history, program, &[], &config).await;
        let query = format!("sum(workspace_screen_records{{pool=~\"{ALL}\"}})");
        assert_eq!(prometheus.value(&query).await, Some(300.0), "{}", program.display());
    }
}
