//! A soak test in simulated time: projects, users and pools come and go, with faults, reloads,
//! certificates and restarts. What the exporter uses does not grow.
//!
//! The exporter is the real process. A library replaces its clocks, and the time jumps before each
//! scrape, so a day takes seconds. `benches/soak` runs the long version.

mod checks;
mod clock;
mod exporter;
mod figures;
mod scraper;
mod upstream;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use checks::{CHANGING_LABEL, Counters, decompress, difference};
use chrono::{DateTime, Utc};
use clock::Clock;
use exporter::{Daemon, LOGIN, Usage};
use figures::{Day, Figures};
use reqwest::Method;
use upstream::Upstream;

use crate::harness::NOW;
use crate::support::folder;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const POLL_INTERVAL: u64 = 30 * MINUTE;
/// A poll is due after nine tenths of this, just before a scrape.
const MIN_INTERVAL: u64 = POLL_INTERVAL * 10 / 9 - 2;
const WINDOW: Duration = Duration::from_secs(DAY);
/// A little more than `poll.reconcile_interval`.
const MAX_DELAY: Duration = Duration::from_secs(7 * HOUR);
const TEXT: &str = "text/plain";
/// Formats of the scrapes between two polls.
const FORMATS: [&str; 3] = [
    TEXT,
    "application/openmetrics-text;version=1.0.0",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
];
/// Start of the names of projects that exist for some hours.
const TEMPORARY: &str = "temporary-";
/// Faults of the API, one after the other, each at another project.
const FAULTS: [&str; 10] = [
    "status=503",
    "kind=hang,times=1",
    "kind=rows,as=no-id,share=0.3",
    "kind=html",
    "kind=short",
    "status=429,retry-after=3,times=2",
    "kind=truncated",
    "kind=no-rows",
    "kind=reset,times=3",
    "status=403",
];

/// Length and size of a soak.
struct Plan {
    days: u64,
    projects: usize,
    scrape_interval: u64,
    recordings_per_hour: f64,
    /// Restarts: the day, counted from 0, and the signal.
    restarts: &'static [(u64, &'static str)],
}

struct Soak {
    plan: Plan,
    clock: Clock,
    folder: tempfile::TempDir,
    upstreams: Vec<Upstream>,
    daemon: Daemon,
    counters: Counters,
    figures: Figures,
    /// When the gauges of each project last equalled the truth.
    correct_at: BTreeMap<String, Duration>,
    /// Hours in which a project had a fault or a wrong token.
    faults: Vec<(u64, String)>,
    report: Option<PathBuf>,
}

impl Soak {
    /// Starts everything. The figures are written to `report` as they come.
    async fn start(plan: Plan, report: Option<PathBuf>) -> Self {
        let folder = folder();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let clock = Clock::new(folder.path());
        let mut upstreams = Vec::new();
        for number in 0..plan.projects {
            let rate = plan.recordings_per_hour;
            upstreams.push(Upstream::start(number, &clock, folder.path(), WINDOW, rate).await);
        }
        let config = config(folder.path(), &upstreams, 0);
        let daemon = Daemon::start(folder.path(), &clock, &config).await;
        Self {
            plan,
            clock,
            folder,
            upstreams,
            daemon,
            counters: Counters::default(),
            figures: Figures::default(),
            correct_at: BTreeMap::new(),
            faults: Vec::new(),
            report,
        }
    }

    async fn run(&mut self) {
        let interval = self.plan.scrape_interval;
        self.wait_for_first_polls().await;
        for number in 0..self.plan.days * DAY / interval {
            let elapsed = number * interval;
            self.clock.advance_to(Duration::from_secs(elapsed));
            if elapsed.is_multiple_of(HOUR) && elapsed > 0 {
                self.end_hour(elapsed / HOUR);
                self.act(elapsed / HOUR).await;
            }
            if (elapsed % HOUR) == 30 * MINUTE {
                self.end_fault();
            }
            self.scrape(number).await;
        }
        self.end_hour(self.plan.days * 24);
        self.require_quiet_log();
        assert!(self.counters.len() > 100 * self.plan.projects, "{}", self.counters.len());
    }

    /// Waits until each project has a snapshot: a first poll would not end before the time jumps.
    async fn wait_for_first_polls(&self) {
        loop {
            let path = "/-/ready";
            let (_, body) = self.daemon.request(&self.clock, Method::GET, path, LOGIN.1).await;
            if !String::from_utf8_lossy(&body).contains("no snapshot yet") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn scrape(&mut self, number: u64) {
        let is_polled = (number * self.plan.scrape_interval).is_multiple_of(POLL_INTERVAL);
        let format = if is_polled {
            TEXT
        } else {
            *turn(&FORMATS, number * self.plan.scrape_interval / HOUR)
        };
        let body = self.daemon.scrape(&self.clock, format).await;
        self.figures.note_scrape();
        if is_polled {
            let text = decompress(&body);
            self.counters.check(&text);
            if number.is_multiple_of(10) && !self.daemon.is_api_faulty {
                self.require_truth(&text);
            }
        } else if number.is_multiple_of(7) {
            let project = &turn(&self.upstreams, number).name;
            let path = format!("/probe?target={project}");
            let (status, _) = self.daemon.request(&self.clock, Method::GET, &path, LOGIN.1).await;
            assert!([200, 404].contains(&status), "{status}");
        }
    }

    /// Requires that the gauges of each project equalled the truth lately. A deletion may show only
    /// when its record is read again.
    fn require_truth(&mut self, text: &str) {
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let from = now - i64::try_from(WINDOW.as_millis()).unwrap();
        for upstream in &self.upstreams {
            let name = &upstream.name;
            if !text.contains(&format!("_up{{project=\"{name}\"")) {
                self.correct_at.remove(name);
                continue;
            }
            let last = self.correct_at.entry(name.clone()).or_insert(elapsed);
            match difference(text, name, &upstream.truth(from), now) {
                None => *last = elapsed,
                Some(difference) => assert!(elapsed < *last + MAX_DELAY, "{difference}"),
            }
        }
    }

    fn end_hour(&mut self, hour: u64) {
        self.figures.note_usage(self.daemon.usage());
        if hour.is_multiple_of(24) {
            self.figures.end_day(self.daemon.log().len() as u64);
            if let Some(report) = &self.report {
                std::fs::write(report, self.figures.csv()).unwrap();
            }
        }
    }

    /// Does what happens at this hour.
    async fn act(&mut self, hour: u64) {
        for upstream in &self.upstreams {
            if hour.is_multiple_of(6) {
                upstream.replace_user(hour);
            }
            if hour % 24 == 12 {
                upstream.replace_pool(hour);
            }
        }
        if hour % 24 == 3 {
            self.daemon.replace_certificate();
        }
        self.reload(hour).await;
        if hour % 24 == 10 {
            self.daemon.remove_state(&temporary(hour));
        }
        let (status, _) =
            self.daemon.request(&self.clock, Method::GET, "/metrics", "a guess").await;
        assert_eq!(status, 401);
        self.begin_fault(hour);
        let day = hour / 24;
        if hour % 24 == 18
            && let Some((_, signal)) = self.plan.restarts.iter().find(|(on, _)| *on == day)
        {
            self.daemon.restart(signal, &self.clock).await;
            self.wait_for_first_polls().await;
        }
    }

    /// Reloads with other labels of a project and with other projects.
    async fn reload(&mut self, hour: u64) {
        self.counters.forget_changed_labels();
        self.daemon.write_config(&config(self.folder.path(), &self.upstreams, hour));
        if hour.is_multiple_of(2) {
            let reloads = |log: String| log.matches("message=\"config reloaded\"").count();
            let before = reloads(self.daemon.log());
            self.daemon.signal("HUP");
            while reloads(self.daemon.log()) == before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        } else {
            let (status, body) =
                self.daemon.request(&self.clock, Method::POST, "/-/reload", LOGIN.1).await;
            assert_eq!(status, 200, "{body:?}");
        }
        self.wait_for_first_polls().await;
    }

    fn begin_fault(&mut self, hour: u64) {
        if hour % 3 != 1 {
            return;
        }
        let upstream = turn(&self.upstreams, hour / 3);
        if hour % 24 == 22 {
            upstream.set_token(Some(&format!("refused-in-hour-{hour}")));
        } else {
            let fault: &&str = turn(&FAULTS, hour / 3);
            upstream.set_fault(Some(fault));
        }
        self.daemon.is_api_faulty = true;
        self.faults.push((hour, upstream.name.clone()));
    }

    fn end_fault(&mut self) {
        for upstream in &self.upstreams {
            upstream.set_fault(None);
            upstream.set_token(None);
        }
        self.daemon.is_api_faulty = false;
    }

    /// Requires that each warning and error is about a project that had a fault at that time.
    fn require_quiet_log(&self) {
        for line in self.daemon.log().lines().filter(|line| !line.contains(" level=info ")) {
            let value = |key| line.split(key).nth(1).and_then(|rest| rest.split(' ').next());
            let at: DateTime<Utc> = value("ts=").unwrap().parse().unwrap();
            let hour = u64::try_from(at.timestamp_millis() - NOW).unwrap() / 1000 / HOUR;
            let is_expected = value(" project=").is_some_and(|project| {
                // The temporary project is at the API of the second one.
                let project = if project.starts_with(TEMPORARY) { "project-01" } else { project };
                self.faults.iter().any(|fault| (fault.0, fault.1.as_str()) == (hour, project))
            });
            assert!(is_expected, "{line}");
        }
    }
}

/// Returns the item whose turn it is.
fn turn<T>(items: &[T], number: u64) -> &T {
    &items[usize::try_from(number).unwrap() % items.len()]
}

/// Name of the project that exists for some hours of this day.
fn temporary(hour: u64) -> String {
    format!("{TEMPORARY}{}", hour / 24)
}

/// Returns the config of this hour. The first project has a label that changes, the last one is
/// missing every second half of a day, and a project with a new name exists for some hours.
fn config(folder: &Path, upstreams: &[Upstream], hour: u64) -> String {
    let mut config = format!(
        "[poll]\nmin_interval = \"{MIN_INTERVAL}s\"\nwindow = \"1d\"\nmax_staleness = \"1h\"\n\
         reconcile_interval = \"6h\"\n[api]\npage_size = 100\nmax_retries = 1\n\
         max_requests_per_second = 1000\n[labels]\nmax_users = 8\nmax_pools = 3\n\
         [state]\ndirectory = \"{}\"\n",
        folder.join("state").display()
    );
    let (last, others) = upstreams.split_last().unwrap();
    for (number, upstream) in others.iter().enumerate() {
        let labels =
            if number == 0 { format!("{CHANGING_LABEL} = \"{hour}\"") } else { String::new() };
        config += &upstream.section(&upstream.name, &labels);
    }
    if hour % 24 < 12 {
        config += &last.section(&last.name, "");
    }
    if (4..10).contains(&(hour % 24)) {
        config += &upstreams[1].section(&temporary(hour), "");
    }
    config
}

/// Two days of four projects, whose figures have limits.
async fn two_days() {
    let plan = Plan {
        days: 2,
        projects: 4,
        scrape_interval: 60,
        recordings_per_hour: 20.0,
        restarts: &[(0, "TERM"), (1, "KILL")],
    };
    let mut soak = Soak::start(plan, None).await;
    soak.run().await;
    // The tests' build needs more memory than that of a package.
    let usage =
        Usage { resident_bytes: 150 << 20, descriptors: 60, threads: 60, disk_bytes: 8 << 20 };
    soak.figures.require_within(Day { usage, log_bytes: 40_000, scrapes: 1440 });
}

/// A month of twenty projects, whose figures must not grow.
async fn month(report: PathBuf) {
    let plan = Plan {
        days: 30,
        projects: 20,
        scrape_interval: 15,
        recordings_per_hour: 10.0,
        // In between, one process runs for 26 days.
        restarts: &[(0, "TERM"), (1, "KILL"), (28, "TERM"), (29, "KILL")],
    };
    let mut soak = Soak::start(plan, Some(report)).await;
    soak.run().await;
    // The journals grow for 13 days until they are written again.
    soak.figures.require_flat(1.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_days_use_no_more_at_their_end() {
    // `benches/soak` names a file for the figures of a month, which takes minutes.
    match std::env::var_os("SOAK_REPORT") {
        Some(report) => month(report.into()).await,
        None => two_days().await,
    }
}
