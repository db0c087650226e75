//! Reads OpenMetrics with timestamps, and checks its order.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of each series, by name and labels as written. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct History(pub(crate) BTreeMap<String, Vec<(i64, f64)>>);

impl History {
    /// Reads a text that ends in `# EOF`. Families must not be interleaved, the samples of a series must
    /// be in the order of their times, and those of a metric must follow each other.
    pub(crate) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("the text ends in # EOF");
        let (mut history, mut families) = (Self::default(), BTreeSet::new());
        let (mut metrics, mut current) = (BTreeSet::new(), String::new());
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.split(' ');
                if words.next() == Some("HELP") {
                    let family = words.next().unwrap().to_owned();
                    assert!(families.insert(family), "a family is interleaved: {line}");
                }
                continue;
            }
            let (sample, time) = line.rsplit_once(' ').unwrap();
            let (series, value) = sample.rsplit_once(' ').unwrap();
            let metric = metric_of(series);
            if metric != current {
                assert!(metrics.insert(metric.clone()), "samples are interleaved: {line}");
                current = metric;
            }
            let samples = history.0.entry(series.to_owned()).or_default();
            let time = millis(time);
            assert!(samples.last().is_none_or(|(last, _)| *last < time), "out of order: {line}");
            samples.push((time, value.parse().unwrap()));
        }
        history
    }

    /// Returns the value of a series at a time; 0 before its first sample.
    pub(crate) fn at(&self, series: &str, time: i64) -> f64 {
        let samples = self.0.get(series).into_iter().flatten();
        samples.take_while(|(at, _)| *at <= time).last().map_or(0.0, |(_, value)| *value)
    }
}

/// Returns the metric that a series belongs to: without the suffix of a histogram and without `le`.
fn metric_of(series: &str) -> String {
    let (name, labels) = series.split_once('{').unwrap();
    let suffixes = ["_bucket", "_count", "_sum"];
    let name = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let labels = labels.split_once(",le=\"").map_or(labels.trim_end_matches('}'), |(own, _)| own);
    format!("{name}{{{labels}")
}

/// Reads seconds without rounding.
fn millis(seconds: &str) -> i64 {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let fraction = format!("{fraction:0<3}");
    assert_eq!(fraction.len(), 3, "{seconds}");
    whole.parse::<i64>().unwrap() * 1000 + fraction.parse::<i64>().unwrap()
}
