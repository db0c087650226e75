//! Scrapes replicas in random order, and finds counters that decrease.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::upstream::Samples;
use crate::support::{Metrics, client_builder};

/// A paused replica answers after it is continued.
const LIMIT: Duration = Duration::from_secs(20);

/// Scrapes until it is ended. Several tasks scrape at the same time.
pub(super) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    end: CancellationToken,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    /// The highest value of each counter in answers that have ended.
    floor: Arc<Samples>,
    counts: Scraped,
    violations: Vec<String>,
    /// Fenced commits and takeovers of each life of a process: its URL and when it started.
    lives: BTreeMap<(String, u64), (f64, f64)>,
}

/// Answers, and what they say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scraped {
    pub(super) answers: usize,
    /// Answers without the counters of a project.
    pub(super) without_counters: usize,
    /// Scrapes that got no answer.
    pub(super) failed: usize,
    /// Fenced commits and takeovers in the last answers of all processes.
    pub(super) fenced: f64,
    pub(super) takeovers: f64,
}

/// Returns whether a sample is a counter, or a part of a histogram.
pub(super) fn is_counter(sample: &str) -> bool {
    let name = sample.split('{').next().unwrap_or_default();
    let ends = ["_total", "_bucket", "_sum", "_count"];
    name.starts_with("workspace_") && ends.iter().any(|end| name.ends_with(end))
}

/// Returns the value of the label `project`.
pub(super) fn project_of(sample: &str) -> &str {
    let value = sample.split("project=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("{sample} has no project"))
}

/// Returns the counters of an answer.
pub(super) fn counters(metrics: &Metrics) -> Samples {
    let samples = metrics.0.iter().filter(|(name, _)| is_counter(name));
    samples.map(|(name, value)| (name.clone(), *value)).collect()
}

impl Seen {
    /// Compares an answer with those that had ended before it began.
    fn add(&mut self, floor: &Samples, url: &str, counters: &Samples) {
        let shown: BTreeSet<&str> = counters.keys().map(|name| project_of(name)).collect();
        let known: BTreeSet<&str> = floor.keys().map(|name| project_of(name)).collect();
        self.counts.answers += 1;
        self.counts.without_counters += usize::from(!known.is_subset(&shown));
        for (name, earlier) in floor {
            match counters.get(name) {
                Some(value) if value < earlier => {
                    self.violations.push(format!("{url}: {name} {value} after {earlier}"));
                }
                // Without the database, all counters of a project are missing.
                None if shown.contains(project_of(name)) => {
                    self.violations.push(format!("{url}: {name} is missing after {earlier}"));
                }
                _ => {}
            }
        }
        let highest = Arc::make_mut(&mut self.floor);
        for (name, value) in counters {
            let highest = highest.entry(name.clone()).or_default();
            *highest = highest.max(*value);
        }
    }
}

impl Seen {
    /// Notes the exporter's own counters.
    fn note_life(&mut self, url: &str, metrics: &Metrics) {
        let own = |name: &str| metrics.0.get(name).copied().unwrap_or_default();
        let start = own("process_start_time_seconds").to_bits();
        let fenced = own("screen_records_exporter_state_fenced_total");
        let takeovers = own("screen_records_exporter_state_takeovers_total");
        let life = self.lives.entry((url.to_owned(), start)).or_default();
        *life = (life.0.max(fenced), life.1.max(takeovers));
    }

    fn counts(&self) -> Scraped {
        let lives = self.lives.values();
        let (fenced, takeovers) =
            lives.fold((0.0, 0.0), |sums, life| (sums.0 + life.0, sums.1 + life.1));
        Scraped { fenced, takeovers, ..self.counts }
    }
}

impl Watcher {
    /// Starts to scrape the replicas at these URLs.
    pub(super) fn start(urls: &[String], random_seed: u64) -> Self {
        let (seen, end) = (Arc::<Mutex<Seen>>::default(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        for task in 0..3 {
            let rng = Xoshiro256PlusPlus::seed_from_u64(random_seed + task);
            tasks.spawn(scrape(urls.to_vec(), seen.clone(), end.clone(), rng));
        }
        Self { seen, end, tasks }
    }

    /// Ends, and requires that no counter decreased.
    pub(super) async fn end(self) -> Scraped {
        self.end.cancel();
        self.tasks.join_all().await;
        let seen = self.seen.lock().unwrap();
        let first = seen.violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(seen.violations.is_empty(), "{}:\n{first}", seen.violations.len());
        assert!(seen.counts.answers > 5, "{:?}", seen.counts);
        seen.counts()
    }
}

async fn scrape(
    urls: Vec<String>,
    seen: Arc<Mutex<Seen>>,
    end: CancellationToken,
    mut rng: Xoshiro256PlusPlus,
) {
    let client = client_builder().pool_max_idle_per_host(0).timeout(LIMIT).build().unwrap();
    while !end.is_cancelled() {
        let url = &urls[rng.random_range(0..urls.len())];
        let floor = seen.lock().unwrap().floor.clone();
        let answer = async {
            let response = client.get(format!("{url}/metrics")).send().await?;
            response.error_for_status()?.text().await
        };
        match answer.await {
            Ok(text) => {
                let metrics = Metrics::parse(&text);
                let mut seen = seen.lock().unwrap();
                seen.add(&floor, url, &counters(&metrics));
                seen.note_life(url, &metrics);
            }
            Err(_) => seen.lock().unwrap().counts.failed += 1,
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..40))).await;
    }
}

#[test]
fn a_lower_or_missing_counter_is_found() {
    let name = "workspace_screen_records_seen_total{project=\"p\",pool=\"a\"}".to_owned();
    let other = "workspace_screen_records_seen_total{project=\"p\",pool=\"b\"}".to_owned();
    let answer = |values: &[(&String, f64)]| -> Samples {
        values.iter().map(|(name, value)| ((*name).clone(), *value)).collect()
    };
    let mut seen = Seen::default();
    let before = seen.floor.clone();
    seen.add(&before, "a", &answer(&[(&name, 2.0), (&other, 1.0)]));
    // It began before the first one ended.
    seen.add(&before, "b", &answer(&[(&name, 1.0), (&other, 1.0)]));
    let floor = seen.floor.clone();
    seen.add(&floor, "b", &BTreeMap::new());
    assert_eq!((seen.violations.len(), seen.counts.without_counters), (0, 1));
    seen.add(&floor, "b", &answer(&[(&name, 1.0)]));
    assert_eq!(seen.violations.len(), 2);
}
