//! The strictest readers there are take every body, of a thousand pools and users with hostile names
//! too: promtool for the classic text, which sees series that stand twice, and the parser of the
//! reference client for OpenMetrics.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::prometheus::newer;
use super::{fed, python};
use crate::support::{Api, Exporter, Metrics, TOKEN, client, eventually};

const TEXT: &str = "text/plain;version=0.0.4";
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Reads a body from stdin and prints how many series there are of each type, and of `_created` and
/// with exemplars.
const PARSER: &str = r"
import collections, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
seen, counts = set(), collections.Counter()
for family in parse(sys.stdin.read()):
    assert family.documentation and family.type != 'unknown', family.name
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, key
        seen.add(key)
        counts[family.type] += 1
        counts['created'] += sample.name.endswith('_created')
        counts['exemplar'] += sample.exemplar is not None
        counts['site'] += 'site' in sample.labels
        counts['user'] += 'user' in sample.labels
print(*(f'{key}={count}' for key, count in sorted(counts.items()) if count))
";

async fn body(exporter: &Exporter, accept: &str) -> String {
    let request = client().get(format!("{}/metrics", exporter.url)).header("Accept", accept);
    request.send().await.unwrap().text().await.unwrap()
}

/// What the parser counts in a body.
fn counts(body: &str) -> BTreeMap<String, usize> {
    let mut command = Command::new(python());
    let (code, said) = fed(command.args(["-c", PARSER]).env("PYTHONUTF8", "1"), body);
    assert_eq!(code, Some(0), "{said}");
    let pairs = said.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, count)| (key.to_owned(), count.parse().unwrap())).collect()
}

/// Series of a family that the newer promtool is given at once.
const PIECE: usize = 120;

/// Reads all of it with the installed promtool. The newer one sees series that stand twice too, for
/// which it compares each with every other: it is given pieces, and the whole is looked at here.
fn assert_promtool_takes(body: &str) {
    let check = |program: &Path, body: &str| {
        let mut promtool = Command::new(program);
        assert_eq!(fed(promtool.args(["check", "metrics"]), body), (Some(0), String::new()));
    };
    check(Path::new("promtool"), body);
    Metrics::parse(body);
    let mut pieces = vec![String::new()];
    let (mut head, mut lines) = (String::new(), 0);
    for line in body.lines() {
        if line.starts_with("# HELP") {
            (head, lines) = (String::new(), 0);
        }
        if line.starts_with('#') {
            head.push_str(line);
            head.push('\n');
            continue;
        }
        let piece = lines / PIECE;
        if pieces.len() == piece {
            pieces.push(String::new());
        }
        if lines % PIECE == 0 {
            pieces[piece].push_str(&head);
        }
        pieces[piece].push_str(line);
        pieces[piece].push('\n');
        lines += 1;
    }
    for piece in pieces {
        check(&newer("promtool"), &piece);
    }
}

/// An exporter that has counted some failures, since its API lives fast.
async fn living(api: &str, sections: &str, project: &str) -> Exporter {
    let config = format!(
        "[poll]\nmin_interval = \"1s\"\ncounter_hold = \"0s\"\n\
         [api]\nmax_requests_per_second = 1000\n{sections}\n\
         [[projects]]\nname = \"p\"\nproject_id = \"0123abcd\"\nendpoint = \"{api}\"\n\
         auth = {{ method = \"token\", token = \"{TOKEN}\" }}\n{project}"
    );
    let exporter = Exporter::start(&config).await;
    eventually("failures are counted", async || {
        let text = body(&exporter, OPENMETRICS).await;
        (text.contains(" # {record_id=") && text.contains("workspace_screen_records_up{"))
            .then_some(())
    })
    .await;
    exporter
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_strict_parsers_take_a_thousand_pools_and_users_with_hostile_names() {
    let api = Api::start(&[
        "--records=9000",
        "--pools=1000",
        "--users=1000",
        "--desktops=5000",
        "--hostile-names",
        "--odd-share=0.02",
        "--live=20",
        "--failure-share=0.5",
        "--recording-length=2s",
        "--upload-time=1s",
    ]);
    let sections = "[web]\ncreated_series = true\n";
    // One type, so that there are not more series than the tools read in some seconds.
    let project = "labels = { site = 'a\\b \"c\" é' }\nfilter = { type = \"FULL\" }\n";
    let exporter = living(&api.url, sections, project).await;
    let text = body(&exporter, TEXT).await;
    let strict = body(&exporter, OPENMETRICS).await;
    assert!(!text.contains("_created") && strict.contains("_created"));
    assert_promtool_takes(&text);
    let counts = counts(&strict);
    let of = |key: &str| counts.get(key).copied().unwrap_or(0);
    assert!(of("gauge") > 30_000 && of("user") > 10_000, "{counts:?}");
    assert!(of("created") > 1000 && of("exemplar") > 0, "{counts:?}");
    assert!(of("site") > 40_000, "{counts:?}");
    let pools = text.lines().filter(|line| line.starts_with("workspace_desktop_pool_info{"));
    assert_eq!(pools.count(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_strict_parsers_take_users_who_are_hashed_or_dropped() {
    let api = Api::start(&[
        "--records=1000",
        "--hostile-names",
        "--odd-share=0.1",
        "--live=20",
        "--failure-share=0.5",
        "--recording-length=2s",
        "--upload-time=1s",
    ]);
    for (user, has_users) in [("name", true), ("hash", true), ("drop", false)] {
        let sections =
            format!("[labels]\nuser = \"{user}\"\nuser_hash_key = \"sixteen-characters\"\n");
        let exporter = living(&api.url, &sections, "").await;
        assert_promtool_takes(&body(&exporter, TEXT).await);
        let strict = body(&exporter, OPENMETRICS).await;
        let older = body(&exporter, "application/openmetrics-text;version=0.0.1").await;
        for body in [strict, older] {
            let counts = counts(&body);
            assert_eq!(counts.contains_key("user"), has_users, "{user}: {counts:?}");
            assert!(counts["gauge"] > 500 && counts["exemplar"] > 0, "{user}: {counts:?}");
            assert!(!counts.contains_key("created"), "{user}: {counts:?}");
        }
    }
}
