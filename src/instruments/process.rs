//! The standard `process_*` metrics. Only Linux provides them; on other systems all but the start are
//! absent.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, Counter, Gauge, MetricFamily, MetricType};

use crate::exposition::{Kind, Metric, catalog};
use records_api::record::Timestamp;

/// Reads `/proc/self` at each scrape.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    descriptions: Vec<Desc>,
    created: Timestamp,
}

impl ProcessCollector {
    /// Creates the collector, soon after the start of the process.
    pub(super) fn new(created: Timestamp) -> Self {
        Self { descriptions: Vec::new(), created }
    }
}

/// `USER_HZ`, which is 100 in every interface of Linux to user space.
const TICKS_PER_SECOND: f64 = 100.0;
/// Memory pages have 4 KiB on every released platform; `smaps` would be exact but slow.
const PAGE_BYTES: f64 = 4096.0;

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        figures(read, self.created.millis() as f64 / 1000.0)
            .into_iter()
            .map(|(metric, value)| family(metric, value))
            .collect()
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn family(metric: &Metric, value: f64) -> MetricFamily {
    let mut sample = proto::Metric::default();
    let mut family = MetricFamily::default();
    family.set_name(metric.name.to_owned());
    family.set_help(metric.help.to_owned());
    if metric.kind == Kind::Counter {
        let mut counter = Counter::default();
        counter.set_value(value);
        sample.set_counter(counter);
        family.set_field_type(MetricType::COUNTER);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        sample.set_gauge(gauge);
        family.set_field_type(MetricType::GAUGE);
    }
    family.set_metric(vec![sample]);
    family
}

/// Returns all figures. `read` returns the content of a file, or nothing; `created` is a Unix time in
/// seconds.
fn figures(read: impl Fn(&str) -> String, created: f64) -> Vec<(&'static Metric, f64)> {
    let mut figures = Vec::new();
    let mut put = |metric, value: Option<f64>| figures.extend(value.map(|value| (metric, value)));
    let stat = read("/proc/self/stat");
    // The name of the program is in parentheses and may contain anything.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split(' ').collect();
    // proc(5) counts fields from 1; the third is the first after the parentheses.
    let field = |number: usize| fields.get(number - 2).and_then(|text| text.parse::<f64>().ok());
    let ticks = field(14).zip(field(15)).map(|(user, system)| user + system);
    put(&catalog::PROCESS_CPU_SECONDS_TOTAL, ticks.map(|ticks| ticks / TICKS_PER_SECOND));
    put(&catalog::PROCESS_THREADS, field(20));
    put(&catalog::PROCESS_VIRTUAL_MEMORY_BYTES, field(23));
    put(&catalog::PROCESS_RESIDENT_MEMORY_BYTES, field(24).map(|pages| pages * PAGE_BYTES));
    let boot = read("/proc/stat");
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok());
    let started = boot.zip(field(22)).map(|(boot, ticks)| boot + ticks / TICKS_PER_SECOND);
    // A sandbox may hide /proc/stat, as systemd does with `ProcSubset=pid`.
    put(&catalog::PROCESS_START_TIME_SECONDS, started.or(Some(created)));
    let open = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    put(&catalog::PROCESS_OPEN_FDS, open.ok().map(|count| count as f64));
    let limits = read("/proc/self/limits");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = limit.and_then(|line| line.split_whitespace().next()?.parse().ok());
    put(&catalog::PROCESS_MAX_FDS, limit);
    figures
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn by_name(read: impl Fn(&str) -> String) -> BTreeMap<&'static str, f64> {
        let figures = figures(read, 77.0).into_iter();
        figures.map(|(metric, value)| (metric.name, value)).collect()
    }

    #[test]
    fn every_metric_is_present_and_plausible() {
        let figures = by_name(read);
        assert_eq!(figures.len(), 7, "{figures:?}");
        assert!(figures["process_resident_memory_bytes"] > 1e6);
        assert!(figures["process_virtual_memory_bytes"] > figures["process_resident_memory_bytes"]);
        assert!(figures["process_start_time_seconds"] > 1.7e9);
        assert!(figures["process_threads"] >= 1.0);
        assert!(figures["process_open_fds"] >= 3.0);
        assert!(figures["process_max_fds"] >= figures["process_open_fds"]);
    }

    #[test]
    fn the_start_of_the_process_is_known_where_a_sandbox_hides_the_boot_time() {
        let hidden = |path: &str| if path == "/proc/stat" { String::new() } else { read(path) };
        let figures = by_name(hidden);
        assert_eq!(figures.len(), 7, "{figures:?}");
        assert!((figures["process_start_time_seconds"] - 77.0).abs() < 1e-9);
    }
}
