//! Each Prometheus gets the format that it asks for, and takes in all that it is given.

use std::path::PathBuf;

use records_api_simulator::{Kind, Record};
use screen_records_exporter::exposition::Format;
use serde_json::Value;

use super::prometheus::{Prometheus, major_version, newer, scrapes};
use super::stage::Stage;
use super::tap::Tap;
use crate::client_model::families;
use crate::formats::unzipped;
use crate::support::eventually;

const NATIVE: &str = "--enable-feature=native-histograms";
const EXEMPLARS: &str = "--enable-feature=exemplar-storage";

/// A Prometheus as somebody may run it.
pub(super) struct Case {
    program: PathBuf,
    flags: &'static [&'static str],
    /// Whether it takes the classic buckets of native histograms too.
    both: bool,
}

impl Case {
    /// The installed Prometheus and the newer one, with the features that change what they ask for.
    pub(super) fn all() -> Vec<Self> {
        let old = || PathBuf::from("prometheus");
        let new = || newer("prometheus");
        let case = |program, flags, both| Self { program, flags, both };
        vec![
            case(old(), &[], false),
            case(old(), &[NATIVE], false),
            case(old(), &[EXEMPLARS], false),
            case(old(), &[NATIVE, EXEMPLARS], false),
            case(new(), &[], false),
            case(new(), &[NATIVE, EXEMPLARS], true),
        ]
    }

    pub(super) fn has_exemplars(&self) -> bool {
        self.flags.contains(&EXEMPLARS)
    }

    fn is_native(&self) -> bool {
        self.flags.contains(&NATIVE)
    }

    pub(super) async fn scraping(self, url: &str) -> Scraping {
        let tap = Tap::before(url).await;
        let more = match (self.both, major_version(&self.program)) {
            (false, _) => "",
            (true, ..=2) => "  scrape_classic_histograms: true\n",
            (true, 3..) => "  always_scrape_classic_histograms: true\n",
        };
        let config = scrapes(&tap.url, "2s", more);
        let prometheus = Prometheus::launch(&self.program, self.flags, &config).await;
        Scraping { case: self, tap, prometheus }
    }
}

/// One that scrapes.
pub(super) struct Scraping {
    pub(super) case: Case,
    pub(super) tap: Tap,
    pub(super) prometheus: Prometheus,
}

impl Scraping {
    pub(super) fn name(&self) -> String {
        let Case { program, flags, .. } = &self.case;
        format!("{} {}", program.display(), flags.join(" "))
    }

    /// The number of sizes that it has observed.
    fn observed(&self) -> String {
        let size = "workspace_screen_record_file_size_bytes";
        if self.case.is_native() {
            format!("sum(histogram_count({size}))")
        } else {
            format!("sum({size}_count)")
        }
    }

    /// Waits until it has this many observations of sizes.
    async fn has_observed(&self, count: f64) {
        let what = format!("{} has {count} observations", self.name());
        eventually(&what, async || {
            (self.prometheus.value(&self.observed()).await == Some(count)).then_some(())
        })
        .await;
    }

    /// Every body that it was given has the format and the coding that belong to it.
    fn assert_its_format(&self) {
        let format = if self.case.is_native() { Format::Protobuf } else { Format::OpenMetrics100 };
        for exchange in self.tap.exchanges() {
            let field = |name: &str| exchange.answered.get(name).map(String::as_str);
            assert_eq!(field("content-type"), Some(format.content_type()), "{}", self.name());
            assert_eq!(field("content-encoding"), Some("gzip"), "{:?}", exchange.asked);
        }
    }

    /// The samples of a metric that each successful scrape left.
    async fn of_scrapes(&self, metric: &str) -> Vec<f64> {
        let samples = async |metric: &str| {
            let answer = self.prometheus.answer(&format!("{metric}[1h]")).await;
            answer[0]["values"].as_array().unwrap().clone()
        };
        let value = |sample: &Value| sample[1].as_str().unwrap().parse().unwrap();
        let up = samples("up").await;
        let succeeded: Vec<_> = up.iter().filter(|up| value(up) == 1.0).map(|up| &up[0]).collect();
        let samples = samples(metric).await;
        samples.iter().filter(|one| succeeded.contains(&&one[0])).map(value).collect()
    }

    /// What it says it scraped is what it was given, scrape by scrape. A scrape that it gave up may have been
    /// answered.
    async fn assert_it_took_all(&self) {
        for metric in ["scrape_samples_scraped", "scrape_samples_post_metric_relabeling"] {
            let taken = self.of_scrapes(metric).await;
            let given = self.tap.exchanges();
            let given = given.iter().map(|exchange| self.series(&exchange.body) as f64);
            let given: Vec<_> = given.collect();
            // Users who appear bring series of their own.
            let (first, last) = (taken[0], taken[taken.len() - 1]);
            assert!(taken.len() > 8 && first > 500.0 && last > first, "{}: {taken:?}", self.name());
            let mut rest = given.iter();
            let is_given = taken.iter().all(|taken| rest.any(|given| given == taken));
            assert!(is_given, "{}: {taken:?} of {given:?}", self.name());
        }
    }

    /// The series that Prometheus makes of a body: each line of text; of protobuf, each metric, but
    /// of a histogram its buckets, their sum and count. A histogram with native buckets is one series
    /// in place of those, or beside them where the classic ones are wanted too.
    fn series(&self, body: &[u8]) -> usize {
        let body = unzipped(body);
        if !self.case.is_native() {
            let text = std::str::from_utf8(&body).unwrap();
            return text.lines().filter(|line| !line.starts_with('#')).count();
        }
        let mut series = 0;
        for metric in families(&body).iter().flat_map(|family| &family.metric) {
            let Some(histogram) = &metric.histogram else {
                series += 1;
                continue;
            };
            let is_native = histogram.schema.is_some();
            series += usize::from(is_native);
            if !is_native || self.case.both {
                // The bucket that holds everything is not written.
                series += histogram.bucket.len() + 3;
            }
        }
        series
    }

    /// The median by the histograms lies in the bucket of the median.
    async fn assert_medians(&self, records: &[Record]) {
        type Figure = fn(&Record) -> f64;
        const MIB: f64 = 1024.0 * 1024.0;
        let figures: [(&str, Figure, &[f64]); 3] = [
            (
                "workspace_screen_record_file_size_bytes",
                |record| record.size.unwrap() as f64,
                &[MIB, 4.0 * MIB, 16.0 * MIB, 64.0 * MIB, 256.0 * MIB, 1024.0 * MIB],
            ),
            (
                "workspace_screen_record_video_duration_seconds",
                |record| f64::from(record.duration.unwrap()),
                &[60.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0],
            ),
            (
                "workspace_screen_record_upload_delay_seconds",
                |record| (record.update - record.end.unwrap()) as f64 / 1000.0,
                &[60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0],
            ),
        ];
        for (name, figure, bounds) in figures {
            for kind in [Kind::Full, Kind::Session] {
                let of_kind = records.iter().filter(|record| record.kind == kind);
                let mut values: Vec<_> = of_kind.map(figure).collect();
                values.sort_by(f64::total_cmp);
                assert!(values.len() > 20);
                let median = values[(values.len() - 1) / 2];
                let classic = bucket(median, bounds);
                let exponent = (median.log2() * 8.0).ceil() / 8.0;
                let native = ((exponent - 0.125).exp2(), exponent.exp2());
                let selector = format!("{{type=\"{}\"}}", kind.code());
                let mut looks = Vec::new();
                if self.case.is_native() {
                    looks.push((format!("{name}{selector}"), native));
                }
                if !self.case.is_native() || self.case.both {
                    looks.push((format!("{name}_bucket{selector}"), classic));
                }
                for (series, (above, upto)) in looks {
                    for query in [
                        format!("histogram_quantile(0.5, {series})"),
                        format!("histogram_quantile(0.5, rate({series}[1h]))"),
                    ] {
                        let found = self.prometheus.value(&query).await;
                        let found = found.unwrap_or_else(|| panic!("{}: {query}", self.name()));
                        assert!(
                            found > above * 0.999_999 && found <= upto * 1.000_001,
                            "{}: {query} is {found}, not of {above} to {upto}",
                            self.name()
                        );
                    }
                }
            }
        }
    }

    pub(super) fn assert_no_complaint(&self) {
        assert_eq!(self.prometheus.complaints(), [""; 0], "{}", self.name());
    }
}

/// The bounds between which a value lies.
fn bucket(value: f64, bounds: &[f64]) -> (f64, f64) {
    let at = bounds.iter().position(|bound| value <= *bound).unwrap();
    (if at == 0 { 0.0 } else { bounds[at - 1] }, bounds[at])
}

/// All of them before one exporter, once each has scraped.
pub(super) async fn all_scraping(url: &str, cases: Vec<Case>) -> Vec<Scraping> {
    let starting = cases.into_iter().map(|case| case.scraping(url));
    let all = futures_util::future::join_all(starting).await;
    for scraping in &all {
        scraping.prometheus.has_scraped(1).await;
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_prometheus_gets_the_format_that_it_wants_and_takes_in_all_of_it() {
    let mut stage = Stage::begin().await;
    let _exporter = stage.exporter().await;
    let all = all_scraping(&stage.url, Case::all()).await;
    // An odd number of each type, so that the median is one of them whatever is rounded on the way.
    for batch in 0..9 {
        stage.upload((0..3).map(|number| number * 9 + batch));
        for scraping in &all {
            scraping.has_observed(stage.uploaded.len() as f64).await;
        }
    }
    for scraping in &all {
        let uploaded = format!("{} == {}", scraping.observed(), stage.uploaded.len());
        scraping.prometheus.stops_when(&uploaded).await;
        scraping.assert_medians(&stage.uploaded).await;
        scraping.assert_its_format();
        scraping.assert_it_took_all().await;
        scraping.assert_no_complaint();
    }
}
