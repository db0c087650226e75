//! All formats and codings contain the same samples and correct headers.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use records_api::clock::Clock;
use records_api_simulator::Status;
use screen_records_exporter::exposition::{Coding, Format, Wanted};

use crate::client_model::{MetricType, families};
use crate::harness::{Harness, HarnessOptions, failures};
use crate::support::{Api, Exporter, Metrics, client, config, eventually, plain_client};

const FORMATS: [(Format, &str, &str); 4] = [
    (Format::Text, "text/plain", "text/plain; version=0.0.4; charset=utf-8"),
    (
        Format::OpenMetrics001,
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text; version=0.0.1; charset=utf-8",
    ),
    (
        Format::OpenMetrics100,
        "application/openmetrics-text;version=1.0.0",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ),
    (
        Format::Protobuf,
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
         encoding=delimited",
    ),
];
const CODINGS: [(Coding, &str); 3] =
    [(Coding::Identity, "identity"), (Coding::Gzip, "gzip"), (Coding::Zstd, "zstd")];

fn decoded(coding: Coding, body: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Identity => body.to_vec(),
        Coding::Gzip => unzipped(body),
        Coding::Zstd => unframed(body),
    }
}

pub(crate) fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    flate2::bufread::GzDecoder::new(body).read_to_end(&mut decoded).unwrap();
    decoded
}

/// The content of all frames of a zstd body.
fn unframed(mut body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    while !body.is_empty() {
        let mut frame = ruzstd::decoding::StreamingDecoder::new(&mut body).unwrap();
        frame.read_to_end(&mut decoded).unwrap();
    }
    decoded
}

/// The samples of a body, keyed as the text format writes them.
fn samples(format: Format, body: &[u8]) -> BTreeMap<String, f64> {
    match format {
        Format::Text => Metrics::parse(std::str::from_utf8(body).unwrap()).0,
        Format::OpenMetrics001 | Format::OpenMetrics100 => {
            let text = std::str::from_utf8(body).unwrap();
            let text = text.strip_suffix("# EOF\n").expect("the body ends in # EOF");
            assert!(!text.contains("# EOF"));
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let plain = lines.map(|line| line.split(" # {").next().unwrap());
            let plain = plain.filter(|line| !line.split('{').next().unwrap().ends_with("_created"));
            Metrics::parse(&plain.collect::<Vec<_>>().join("\n")).0
        }
        Format::Protobuf => of_protobuf(body),
    }
    .into_iter()
    .map(|(name, value)| (with_plain_bound(&name), value))
    .collect()
}

/// `le="60.0"` and `le="6e+01"` are `le="60"`.
fn with_plain_bound(name: &str) -> String {
    let Some((before, rest)) = name.split_once("le=\"") else { return name.to_owned() };
    let (bound, after) = rest.split_once('"').unwrap();
    format!("{before}le=\"{}\"{after}", bound.parse::<f64>().unwrap())
}

fn of_protobuf(body: &[u8]) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    for family in families(body) {
        for metric in &family.metric {
            let escaped =
                |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let labels = metric.label.iter();
            let labels: Vec<_> =
                labels.map(|l| format!("{}=\"{}\"", l.name, escaped(&l.value))).collect();
            let mut put = |suffix: &str, more: Option<f64>, value: f64| {
                let bound = more.map(|bound| format!("le=\"{bound}\""));
                let labels: Vec<_> = labels.iter().cloned().chain(bound).collect();
                let labels = labels.join(",");
                let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
                let name = format!("{}{suffix}{labels}", family.name);
                assert_eq!(samples.insert(name, value), None);
            };
            match family.r#type() {
                MetricType::Gauge => put("", None, metric.gauge.unwrap().value),
                MetricType::Counter => put("", None, metric.counter.as_ref().unwrap().value),
                MetricType::Histogram => {
                    let histogram = metric.histogram.as_ref().unwrap();
                    for bucket in &histogram.bucket {
                        put("_bucket", Some(bucket.upper_bound), bucket.cumulative_count as f64);
                    }
                    let count = histogram.sample_count as f64;
                    put("_bucket", Some(f64::INFINITY), count);
                    put("_count", None, count);
                    put("_sum", None, histogram.sample_sum);
                }
            }
        }
    }
    samples
}

/// Keeps the samples about records; the exporter's own metrics change with each scrape.
fn of_records(mut samples: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    samples.retain(|name, _| name.starts_with("workspace_"));
    samples
}

#[tokio::test]
async fn every_format_and_coding_has_the_same_samples_and_correct_headers() {
    let arguments = ["--records", "2000", "--hostile-names", "--odd-share", "0.05"];
    let api = Api::start(&arguments);
    let text = config(&api.url, "[poll]\nmin_interval = \"1h\"\n");
    let exporter = Exporter::start(&text).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let mut first = BTreeMap::new();
    for path in ["/metrics", "/probe?target=p"] {
        for (format, accept, content_type) in FORMATS {
            for (coding, name) in CODINGS {
                let url = format!("{}{path}", exporter.url);
                let ask = |method| {
                    let request = plain_client().request(method, &url);
                    let request = request.header("Accept", accept);
                    request.header("Accept-Encoding", name).send()
                };
                let head = ask(reqwest::Method::HEAD).await.unwrap();
                let response = ask(reqwest::Method::GET).await.unwrap();
                for response in [&head, &response] {
                    assert_eq!(response.status(), 200);
                    let header =
                        |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap());
                    assert_eq!(header("content-type"), Some(content_type));
                    let coded = Some(name).filter(|_| coding != Coding::Identity);
                    assert_eq!(header("content-encoding"), coded);
                    assert_eq!(header("vary"), Some("Accept, Accept-Encoding"));
                    assert_eq!(header("transfer-encoding"), None);
                    assert!(header("content-length").unwrap().parse::<u64>().unwrap() > 1000);
                }
                let length = response.headers()["content-length"].to_str().unwrap().to_owned();
                assert!(head.bytes().await.unwrap().is_empty());
                let body = response.bytes().await.unwrap();
                assert_eq!(length, body.len().to_string());
                let found = of_records(samples(format, &decoded(coding, &body)));
                assert!(found.len() > 500, "{}", found.len());
                if first.is_empty() {
                    first = found;
                } else {
                    assert!(found == first, "{path} {format:?} {coding:?} differs");
                }
            }
        }
    }
}

/// curl decodes with libzstd, the reference decoder.
#[tokio::test]
async fn curl_decodes_the_zstd_encoding() {
    let api = Api::start(&["--records", "5000", "--hostile-names", "--odd-share", "0.05"]);
    let text = config(&api.url, "[poll]\nmin_interval = \"1h\"\n");
    let exporter = Exporter::start(&text).await;
    exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    let ask = |coding: &str| {
        let mut curl = std::process::Command::new("curl");
        curl.env_clear().args(["-q", "-sSf", "--compressed", "-H"]);
        curl.arg(format!("Accept-Encoding: {coding}")).arg(format!("{}/metrics", exporter.url));
        let output = curl.output().unwrap();
        assert!(output.status.success(), "{coding}: {output:?}");
        of_records(samples(Format::Text, &output.stdout))
    };
    let plain = ask("identity");
    assert!(plain.len() > 500, "{}", plain.len());
    assert!(ask("zstd") == plain);
}

fn wanted(coding: Coding) -> Wanted {
    Wanted { format: Format::OpenMetrics100, coding }
}

/// Starts a harness that has counted a failure, with this `poll.counter_hold`.
async fn failed(hold: Duration) -> Harness {
    let mut setup = HarnessOptions::new(200);
    setup.options.odd_share = 0.0;
    setup.poll.counter_hold = hold;
    let harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
    harness
}

#[tokio::test(start_paused = true)]
async fn records_are_encoded_once_per_snapshot_and_shared() {
    let harness = failed(Duration::ZERO).await;
    let piece = |coding| {
        let body = harness.collector.expose(wanted(coding)).unwrap();
        body.into_chunks().into_iter().max_by_key(bytes::Bytes::len).unwrap()
    };
    for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
        let first = piece(coding);
        assert_eq!(piece(coding).as_ptr(), first.as_ptr(), "{coding:?} was encoded twice");
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(harness.poll().await, Ok(()));
        assert_ne!(piece(coding).as_ptr(), first.as_ptr(), "{coding:?} is from an earlier poll");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_body_is_replaced_when_a_hold_ends_or_the_snapshot_becomes_stale() {
    let harness = failed(Duration::from_secs(120)).await;
    let counter = "workspace_screen_record_transitions_total{project=\"p\",\
                   status=\"UPLOAD_FAILED\",type=\"FULL\",pool=\"_none\"}";
    let shown = || {
        let body = harness.collector.expose(wanted(Coding::Gzip)).unwrap().to_vec();
        samples(Format::OpenMetrics100, &decoded(Coding::Gzip, &body))
    };
    assert_eq!(shown()[counter], 0.0);
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(shown()[counter], 0.0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(shown()[counter], 1.0);
    assert!(shown().keys().any(|name| name.starts_with("workspace_screen_records{")));
    tokio::time::sleep(Duration::from_secs(7 * 24 * 3600 + 2)).await;
    assert!(!shown().keys().any(|name| name.starts_with("workspace_screen_records{")), "stale");
    assert_eq!(shown()[counter], 1.0);
}

#[tokio::test(start_paused = true)]
async fn counted_failures_have_exemplars_that_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = HarnessOptions::new(200);
    setup.poll.counter_hold = Duration::from_secs(120);
    setup.state = Some(folder.path().join("p.redb"));
    let mut harness = setup.start();
    assert_eq!(harness.poll().await, Ok(()));
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let counted = harness.clock.now_millis() as f64 / 1000.0;
    assert_eq!(harness.poll().await, Ok(()));
    let named = |harness: &Harness| -> Vec<String> {
        let body = harness.collector.expose(wanted(Coding::Identity)).unwrap().to_vec();
        let text = String::from_utf8(body).unwrap();
        text.lines().filter(|line| line.contains(" # {")).map(str::to_owned).collect()
    };
    assert_eq!(named(&harness), [""; 0], "the held value does not include it");
    tokio::time::sleep(Duration::from_secs(120)).await;
    let lines = named(&harness);
    assert_eq!(lines.len(), 2, "by pool and by user: {lines:?}");
    let failed = harness.project.failed();
    let id = failures(&failed).into_iter().find(|failure| failure.counted).unwrap().id.unwrap();
    for line in &lines {
        assert!(line.contains("_transitions_total{") && line.contains("UPLOAD_FAILED"), "{line}");
        assert!(line.ends_with(&format!(" 1 # {{record_id=\"{id}\"}} 1 {counted}")), "{line}");
    }
    harness = harness.restart();
    assert_eq!(named(&harness), lines, "before any poll");
    assert_eq!(harness.poll().await, Ok(()));
    assert_eq!(named(&harness), lines);
}

#[tokio::test]
async fn created_series_are_written_only_if_configured() {
    let api = Api::start(&["--records", "50"]);
    for (wanted, more) in [(false, ""), (true, "[web]\ncreated_series = true\n")] {
        let exporter = Exporter::start(&config(&api.url, more)).await;
        let created = "workspace_screen_records_seen_created{";
        let text = eventually("counters are served", async || {
            let request = client().get(format!("{}/metrics", exporter.url));
            let request = request.header("Accept", "application/openmetrics-text;version=1.0.0");
            let text = request.send().await.unwrap().text().await.unwrap();
            text.contains("workspace_screen_records_seen_total{").then_some(text)
        })
        .await;
        assert_eq!(text.contains(created), wanted);
        assert_eq!(text.contains("screen_records_exporter_polls_created{"), wanted);
        let plain = client().get(format!("{}/metrics", exporter.url)).send().await.unwrap();
        assert!(!plain.text().await.unwrap().contains("_created"));
    }
}
