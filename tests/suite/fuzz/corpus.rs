//! The seeds under `tests/fixtures/corpus`: what the simulator answers, in every dialect.
//!
//! `UPDATE_CORPUS=1 cargo test --test suite fuzz::corpus` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::body::Body;

use http::Request;
use http_body_util::BodyExt as _;
use records_api::clock::{Clock, TokioClock};
use records_api_simulator::{MissingValue, Options, Simulator, TimeFormat, TotalCount, Vocabulary};
use tower::ServiceExt as _;

use super::model::{Outcome, found};

/// 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800_000;
const LIST: &str = "/v2/p/screen-records";

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus").join(kind)
}

/// The seeds of a kind, in the order of their names.
pub(super) fn bodies(kind: &str) -> Vec<Vec<u8>> {
    files(kind).into_values().collect()
}

fn files(kind: &str) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder(kind)) else { return BTreeMap::new() };
    let file = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read(path).unwrap())
    };
    entries.map(|entry| file(entry.unwrap().path())).collect()
}

type Change = Box<dyn FnOnce(&mut Options)>;

fn with(name: &str, change: impl FnOnce(&mut Options) + 'static) -> (String, Change) {
    (name.to_owned(), Box::new(change))
}

/// A page for each value of an option.
fn dialects<T: clap::ValueEnum + Copy + 'static>(
    name: &str,
    change: fn(&mut Options, T),
) -> Vec<(String, Change)> {
    let page = |value: &T| {
        let (value, word) = (*value, value.to_possible_value().unwrap());
        with(&format!("{name}-{}", word.get_name()), move |options| change(options, value))
    };
    T::value_variants().iter().map(page).collect()
}

/// The name of a page and how the simulator is set for it.
fn pages() -> Vec<(String, Change)> {
    let mut pages = vec![
        with("default", |_| {}),
        with("hostile", |options| options.hostile_names = true),
        with("odd", |options| options.odd_share = 0.7),
        with("failed", |options| options.failure_share = 1.0),
        with("none", |options| options.records = 0),
    ];
    pages.extend(dialects("times", |o, times: TimeFormat| o.dialect.times = times));
    pages.extend(dialects("vocabulary", |o, words: Vocabulary| o.dialect.vocabulary = words));
    pages.extend(dialects("total-count", |o, total: TotalCount| o.dialect.total_count = total));
    pages.extend(dialects("missing", |o, nothing: MissingValue| {
        o.dialect.missing = nothing;
        o.dialect.missing_pool = nothing;
    }));
    let rows = ["null", "text", "no-id", "no-start", "bad-start", "wrong-types", "negative-size"];
    pages.extend(rows.map(|how| {
        let fault = format!("kind=rows,as={how},share=0.5").parse().unwrap();
        with(&format!("rows-{how}"), move |options| options.faults = vec![fault])
    }));
    let bodies = [
        "html",
        "list",
        "no-rows",
        "empty-object",
        "empty-body",
        "truncated",
        "error-body",
        "deep,levels=40",
        "deep,at=page,levels=40",
        "encoding,as=utf-16le",
        "encoding,as=latin-1",
    ];
    pages.extend(bodies.map(|how| {
        let fault = format!("kind={how}").parse().unwrap();
        with(&format!("body-{}", how.replace([',', '='], "-")), move |options| {
            options.faults = vec![fault];
        })
    }));
    pages
}

fn errors() -> Vec<(String, Change)> {
    let shapes = [
        "plain",
        "camel",
        "code",
        "nested",
        "nested-code",
        "html",
        "empty",
        "encoded",
        "detail",
        "details",
    ];
    let statuses = [400, 401, 403, 404, 429, 500, 502, 503, 504];
    let by_shape =
        shapes.map(|shape| (format!("429-{shape}"), format!("status=429,shape={shape}")));
    let by_status = statuses.map(|status| (status.to_string(), format!("status={status}")));
    let others = [("echo".to_owned(), "kind=echo".to_owned())];
    let all = by_shape.into_iter().chain(by_status).chain(others);
    all.map(|(name, fault)| {
        let fault = fault.parse().unwrap();
        let change = move |options: &mut Options| options.faults = vec![fault];
        (name, Box::new(change) as Change)
    })
    .collect()
}

async fn answered(changes: Vec<(String, Change)>) -> BTreeMap<String, Vec<u8>> {
    let mut bodies = BTreeMap::new();
    for (name, change) in changes {
        let mut options = Options { records: 40, ..Options::default() };
        change(&mut options);
        let clock = TokioClock::starting_at(NOW);
        let simulator = Simulator::new(&options, move || clock.now_millis());
        let request = Request::get(format!("{LIST}?limit=3&sort_field=start_time&sort_type=desc"));
        let request = request.header("x-sdk-date", "20261122T120000Z").body(Body::empty()).unwrap();
        let answer = simulator.router().oneshot(request).await.unwrap();
        bodies.insert(name, answer.into_body().collect().await.unwrap().to_bytes().to_vec());
    }
    bodies
}

#[tokio::test(start_paused = true)]
async fn the_corpus_is_what_the_simulator_answers() {
    for (kind, changes) in [("pages", pages()), ("errors", errors())] {
        let bodies = answered(changes).await;
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            std::fs::create_dir_all(folder(kind)).unwrap();
            for name in files(kind).keys().filter(|name| !bodies.contains_key(*name)) {
                std::fs::remove_file(folder(kind).join(name)).unwrap();
            }
            for (name, body) in &bodies {
                std::fs::write(folder(kind).join(name), body).unwrap();
            }
        }
        let kept = files(kind);
        let differing: Vec<_> =
            bodies.iter().filter(|(name, body)| kept.get(*name) != Some(body)).collect();
        let is_same = differing.is_empty() && kept.len() == bodies.len();
        assert!(is_same, "{kind} differ; UPDATE_CORPUS=1 writes them anew: {differing:?}");
    }
}

/// The same records in every dialect are read as the same.
#[test]
fn pages_of_one_world_are_read_alike_in_every_dialect() {
    let pages = files("pages");
    let rows = |name: &str| match found(&pages[name], 0).unwrap() {
        Outcome::Page { rows, .. } => rows,
        other => panic!("{name}: {other:?}"),
    };
    let exact = rows("default");
    assert_eq!(exact.len(), 3);
    let by_second = |name: &str| {
        let mut rows = rows(name);
        for facts in rows.iter_mut().flatten() {
            facts.times = facts.times.map(|time| time.map(|millis| millis.div_euclid(1000)));
        }
        rows
    };
    let names = pages.keys().filter(|name| {
        ["times-", "vocabulary-", "total-count-"].iter().any(|start| name.starts_with(start))
    });
    for name in names {
        assert_eq!(by_second(name), by_second("default"), "{name}");
    }
    for name in ["missing-absent", "missing-null"] {
        assert_eq!(rows(name), exact, "{name}");
    }
}
