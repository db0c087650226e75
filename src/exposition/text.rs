//! Encoder for the text format 0.0.4.

use super::catalog::Metric;
use super::lines::Lines;
use super::sink::{CounterValue, HistogramValue, Labels, Sink, Value};

/// Writes the text format 0.0.4. It has neither exemplars nor created timestamps.
#[derive(Debug, Default)]
pub struct TextEncoder {
    lines: Lines,
    /// Current family.
    metric: Option<&'static Metric>,
    /// True once `# HELP` and `# TYPE` of the current family are written.
    has_head: bool,
}

impl TextEncoder {
    /// Returns the text.
    pub fn finish(self) -> Vec<u8> {
        self.lines.body
    }

    /// Begins a sample. The first sample of a family is preceded by its `# HELP` and `# TYPE`.
    fn begin(&mut self) {
        if let Some(metric) = self.metric
            && !std::mem::replace(&mut self.has_head, true)
        {
            self.lines.begin(metric, metric.name);
            // A test of the catalog ensures that no help text needs escaping.
            self.lines.comment("HELP", metric.name, metric.help);
            self.lines.comment("TYPE", metric.name, metric.kind.as_str());
        }
    }
}

impl Sink for TextEncoder {
    fn family(&mut self, metric: &'static Metric) {
        self.metric = Some(metric);
        self.has_head = false;
    }

    fn gauge(&mut self, labels: Labels<'_>, value: Value) {
        self.begin();
        self.lines.line("", labels, None, value);
    }

    fn counter(&mut self, labels: Labels<'_>, counter: &CounterValue<'_>) {
        self.gauge(labels, counter.value);
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &HistogramValue<'_>) {
        self.begin();
        let mut below = 0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.buckets) {
            below += count;
            let bound = bound.to_string();
            self.lines.line("_bucket", labels, Some(&bound), below.into());
        }
        self.lines.line("_bucket", labels, Some("+Inf"), histogram.count.into());
        self.lines.line("_sum", labels, None, histogram.sum);
        self.lines.line("_count", labels, None, histogram.count.into());
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Encoder;
    use prometheus::proto::{Gauge, LabelPair, Metric as ProtoMetric, MetricFamily, MetricType};
    use proptest::prelude::*;

    use super::*;
    use crate::exposition::catalog;

    /// Encodes the same family with the `prometheus` crate.
    fn oracle(metric: &Metric, samples: &[(Vec<String>, f64)]) -> String {
        let mut family = MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(MetricType::GAUGE);
        let samples = samples.iter().map(|(values, value)| {
            let pairs = metric.labels.iter().zip(values).map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*name).to_owned());
                pair.set_value(value.clone());
                pair
            });
            let mut sample = ProtoMetric::from_label(pairs.collect());
            let mut gauge = Gauge::default();
            gauge.set_value(*value);
            sample.set_gauge(gauge);
            sample
        });
        family.set_metric(samples.collect());
        let mut text = Vec::new();
        prometheus::TextEncoder::new().encode(&[family], &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    proptest! {
        #[test]
        fn the_output_equals_that_of_the_prometheus_crate(
            samples in prop::collection::vec((prop::collection::vec(".*", 4), -1.0e9..1.0e9), 1..5)
        ) {
            let metric = &catalog::SCREEN_RECORDS;
            let mut encoder = TextEncoder::default();
            encoder.family(metric);
            for (values, value) in &samples {
                let values: Vec<_> = values.iter().map(String::as_str).collect();
                encoder.gauge(Labels::of(&values), Value::Float(*value));
            }
            let text = String::from_utf8(encoder.finish()).unwrap();
            prop_assert_eq!(text, oracle(metric, &samples));
        }
    }

    #[test]
    fn numbers_are_written_in_the_syntax_of_prometheus() {
        let cases = [
            (Value::Integer(u128::from(u64::MAX) + 1), "18446744073709551616"),
            (Value::Float(1_700_000_000.25), "1700000000.25"),
            (Value::Float(1_700_000_000.0), "1700000000"),
            (Value::Float(0.0), "0"),
            (Value::Float(f64::NAN), "NaN"),
            (Value::Float(f64::INFINITY), "+Inf"),
            (Value::Float(f64::NEG_INFINITY), "-Inf"),
            (true.into(), "1"),
        ];
        for (value, text) in cases {
            let mut encoder = TextEncoder::default();
            encoder.family(&catalog::PROCESS_THREADS);
            encoder.gauge(Labels::of(&[]), value);
            let body = String::from_utf8(encoder.finish()).unwrap();
            assert_eq!(body.lines().last(), Some(format!("process_threads {text}").as_str()));
        }
    }

    #[test]
    fn a_family_without_samples_is_not_written() {
        let mut encoder = TextEncoder::default();
        encoder.family(&catalog::PROCESS_THREADS);
        assert!(encoder.finish().is_empty());
    }
}
