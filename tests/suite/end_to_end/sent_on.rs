//! What is scraped in one place and kept in another: Prometheus as an agent, and `VictoriaMetrics`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::examples::{EXPORTER, address, projects, quick};
use super::prometheus::{INTERVAL, Prometheus, major_version, newer, scrapes};
use super::stage::Stage;
use super::tap::Tap;
use crate::formats::unzipped;
use crate::support::{
    Api, Exporter, Process, ReservedPort, client, eventually, folder, get_json, write,
};

/// Both sides of a Prometheus whose agent sends on all that it can.
const FEATURES: &str = "--enable-feature=native-histograms,exemplar-storage";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_sends_on_series_native_histograms_and_exemplars() {
    let mut stage = Stage::begin().await;
    let _exporter = stage.exporter().await;
    let program = newer("prometheus");
    let flags = [FEATURES, "--web.enable-remote-write-receiver"];
    let nothing = "global: {scrape_interval: 1s}\n";
    let central = Prometheus::launch(&program, &flags, nothing).await;
    let texts =
        [(EXPORTER, address(&stage.url)), ("prometheus.example.org:9090", address(&central.url))];
    let config = quick("agent.yml", &texts);
    let mode = if major_version(&program) < 3 { "--enable-feature=agent" } else { "--agent" };
    let agent = Prometheus::launch(&program, &[mode, FEATURES], &config).await;
    central.has_scraped(1).await;
    stage.upload(0..27);
    let failed = stage.fail();
    let count = "sum(histogram_count(workspace_screen_record_file_size_bytes))";
    let expected = stage.uploaded.len() as f64 + 1.0;
    eventually("native histograms arrive", async || {
        (central.value(count).await == Some(expected)).then_some(())
    })
    .await;
    eventually("the exemplar arrives", async || {
        let query = [
            ("query", "workspace_screen_record_transitions_total"),
            ("start", "1700000000"),
            ("end", "4000000000"),
        ];
        let answer = central.get("query_exemplars", &query).await;
        answer.to_string().contains(&failed).then_some(())
    })
    .await;
    eventually("as many series arrive as were scraped", async || {
        let count = "count({job=\"screen-records\", __name__!~\"up|scrape_.*\"})";
        let scraped = central.value("scrape_samples_scraped").await?;
        (central.value(count).await? == scraped && scraped > 500.0).then_some(())
    })
    .await;
    for prometheus in [&agent, &central] {
        assert_eq!(prometheus.complaints(), [""; 0]);
    }
}

/// A program of `VictoriaMetrics`.
pub(super) struct Victoria {
    process: Process,
    _port: ReservedPort,
}

/// A program of `VictoriaMetrics` that answers at this URL.
async fn victoria(name: &str, arguments: &[String]) -> (Victoria, String) {
    let port = ReservedPort::new();
    let mut command = Command::new(newer(name));
    command.arg(format!("-httpListenAddr={}", port.address)).args(arguments);
    let process = Process::start(&mut command);
    let url = format!("http://{}", port.address);
    eventually(&format!("{name} is there"), async || {
        let healthy = client().get(format!("{url}/health")).send().await.ok()?;
        healthy.status().is_success().then_some(())
    })
    .await;
    (Victoria { process, _port: port }, url)
}

/// A vmagent that scrapes by this config and sends to that database.
async fn vmagent(folder: &Path, name: &str, config: &str, database: &str) -> (Victoria, String) {
    let config = write(folder, &format!("{name}.yml"), config);
    let arguments = [
        format!("-promscrape.config={}", config.display()),
        "-promscrape.config.strictParse=true".to_owned(),
        format!("-remoteWrite.url={database}/api/v1/write"),
        "-remoteWrite.flushInterval=200ms".to_owned(),
        format!("-remoteWrite.tmpDataPath={}", folder.join(name).display()),
    ];
    victoria("vmagent", &arguments).await
}

pub(super) async fn database(folder: &Path) -> (Victoria, String) {
    let data = folder.join("data");
    let arguments =
        [format!("-storageDataPath={}", data.display()), "-search.latencyOffset=0s".to_owned()];
    victoria("victoria-metrics", &arguments).await
}

/// The values that a query has there.
async fn values(database: &str, query: &str) -> Vec<f64> {
    let query = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
    let answer = get_json(&format!("{database}/api/v1/query?query={query}&nocache=1")).await;
    let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    let value = |one: &Value| one["value"][1].as_str().unwrap().parse().unwrap();
    result.iter().map(value).collect()
}

/// What it says of its scrapes that is worse than a remark.
fn complaints(victoria: &Victoria) -> Vec<String> {
    let log = victoria.process.stderr();
    assert!(log.contains("\tinfo\t"), "it has a log: {log}");
    let is_wrong = |line: &&str| line.contains("\twarn\t") || line.contains("\terror\t");
    log.lines().filter(is_wrong).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vmagent_takes_in_all_that_it_is_given_and_victoriametrics_answers() {
    let mut stage = Stage::begin().await;
    let _exporter = stage.exporter().await;
    let tap = Tap::before(&stage.url).await;
    let folder = folder();
    let (_database, database) = database(folder.path()).await;
    let config = scrapes(&tap.url, INTERVAL, "");
    let (agent, agent_url) = vmagent(folder.path(), "agent", &config, &database).await;
    eventually("it has scraped", async || {
        let up = values(&database, "workspace_screen_records_up").await;
        (up == [1.0]).then_some(())
    })
    .await;
    stage.upload(0..27);
    eventually("what was observed arrives", async || {
        let count = "sum(workspace_screen_record_file_size_bytes_count)";
        (values(&database, count).await == [stage.uploaded.len() as f64]).then_some(())
    })
    .await;

    let lines = |body: &[u8]| {
        let text = String::from_utf8(unzipped(body)).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).count() as f64
    };
    eventually("it took all that it was given", async || {
        let taken = values(&database, "scrape_samples_scraped").await;
        let exchanges = tap.exchanges();
        let mut given = exchanges.iter().map(|exchange| lines(&exchange.body));
        (taken.len() == 1 && given.any(|given| given == taken[0])).then_some(())
    })
    .await;
    for exchange in &tap.exchanges() {
        assert_eq!(exchange.answered["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(exchange.answered["content-encoding"], "gzip", "{:?}", exchange.asked);
    }
    let targets = get_json(&format!("{agent_url}/api/v1/targets")).await;
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");

    let mut sizes: Vec<_> = stage.uploaded.iter().map(|record| record.size.unwrap()).collect();
    sizes.sort_unstable();
    let median = sizes[(sizes.len() - 1) / 2] as f64;
    let quantile =
        "histogram_quantile(0.5, sum by (le) (workspace_screen_record_file_size_bytes_bucket))";
    let found = values(&database, quantile).await;
    // Each bound is four times the one before.
    let bound = |value: f64| (value / 1_048_576.0).log(4.0).ceil();
    assert!(found.len() == 1 && bound(found[0]) == bound(median), "{found:?}, not {median}");
    assert_eq!(complaints(&agent), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_vmagents_together_scrape_each_project_once() {
    let names = ["north", "south", "east", "west", "a", "b", "c", "d", "e", "f"];
    let api = Api::start(&["--records", "100"]);
    let exporter = Exporter::start(&projects(&api.url, &names)).await;
    let folder = folder();
    let (_database, database) = database(folder.path()).await;
    let mut agents = Vec::new();
    for shard in ["regex: \"0\"", "regex: \"1\""] {
        let texts = [(EXPORTER, address(&exporter.url)), ("regex: \"0\"", shard)];
        let config = quick("shard.yml", &texts);
        agents.push(vmagent(folder.path(), &shard[8..9], &config, &database).await);
    }
    eventually("each project is there", async || {
        let up = values(&database, "count(workspace_screen_records_up == 1)").await;
        (up == [10.0]).then_some(())
    })
    .await;
    let mut shared = Vec::new();
    for (process, url) in &agents {
        let targets = get_json(&format!("{url}/api/v1/targets")).await;
        let targets = targets["data"]["activeTargets"].as_array().unwrap().clone();
        shared.push(targets.len());
        assert_eq!(complaints(process), [""; 0]);
    }
    assert!(shared.iter().sum::<usize>() == names.len() && !shared.contains(&0), "{shared:?}");
}
