//! The text format 0.0.4.

use super::catalog::{Metric, Scope};
use super::sink::{HistogramValue, Sink, Value};

/// Writes the text format 0.0.4.
#[derive(Debug, Default)]
pub struct TextEncoder {
    body: Vec<u8>,
    current: Option<&'static Metric>,
    /// Whether the current family has its `# HELP` and `# TYPE` already.
    has_head: bool,
}

impl TextEncoder {
    /// The value of `Content-Type`.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// The text.
    pub fn finish(self) -> Vec<u8> {
        self.body
    }

    fn head(&mut self, metric: &Metric) {
        for (word, text) in [("HELP", metric.help), ("TYPE", metric.kind.as_str())] {
            self.body.extend_from_slice(b"# ");
            self.body.extend_from_slice(word.as_bytes());
            self.body.push(b' ');
            self.body.extend_from_slice(metric.name.as_bytes());
            self.body.push(b' ');
            self.body.extend_from_slice(text.as_bytes());
            self.body.push(b'\n');
        }
    }

    /// The current family, whose head is written by now.
    fn begin(&mut self) -> Option<&'static Metric> {
        let metric = self.current?;
        if !std::mem::replace(&mut self.has_head, true) {
            self.head(metric);
        }
        Some(metric)
    }

    fn line(
        &mut self,
        metric: &Metric,
        suffix: &str,
        label_values: &[&str],
        bound: Option<f64>,
        value: Value,
    ) {
        debug_assert_eq!(metric.labels.len(), label_values.len(), "{}", metric.name);
        debug_assert!(metric.scope == Scope::Records || metric.labels.len() < 4);
        self.body.extend_from_slice(metric.name.as_bytes());
        self.body.extend_from_slice(suffix.as_bytes());
        let mut separator = b'{';
        for (name, value) in metric.labels.iter().zip(label_values) {
            self.body.push(separator);
            separator = b',';
            self.body.extend_from_slice(name.as_bytes());
            self.body.extend_from_slice(b"=\"");
            self.label_value(value);
            self.body.push(b'"');
        }
        if let Some(bound) = bound {
            self.body.push(separator);
            separator = b',';
            self.body.extend_from_slice(b"le=\"");
            self.number(Value::Float(bound));
            self.body.push(b'"');
        }
        if separator == b',' {
            self.body.push(b'}');
        }
        self.body.push(b' ');
        self.number(value);
        self.body.push(b'\n');
    }

    fn number(&mut self, value: Value) {
        match value {
            Value::Integer(number) => {
                self.body.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Value::Float(number) if number.is_finite() => {
                let mut buffer = zmij::Buffer::new();
                let text = buffer.format_finite(number);
                let text = text.strip_suffix(".0").unwrap_or(text);
                self.body.extend_from_slice(text.as_bytes());
            }
            Value::Float(number) => {
                let text: &[u8] = match number {
                    number if number.is_nan() => b"NaN",
                    f64::INFINITY => b"+Inf",
                    _ => b"-Inf",
                };
                self.body.extend_from_slice(text);
            }
        }
    }

    fn label_value(&mut self, value: &str) {
        let mut rest = value.as_bytes();
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
            self.body.extend_from_slice(&rest[..at]);
            self.body.extend_from_slice(match rest[at] {
                b'\\' => b"\\\\",
                b'"' => b"\\\"",
                _ => b"\\n",
            });
            rest = &rest[at + 1..];
        }
        self.body.extend_from_slice(rest);
    }
}

impl Sink for TextEncoder {
    fn family(&mut self, metric: &'static Metric) {
        self.current = Some(metric);
        self.has_head = false;
    }

    fn sample(&mut self, label_values: &[&str], value: Value) {
        if let Some(metric) = self.begin() {
            self.line(metric, "", label_values, None, value);
        }
    }

    fn histogram(&mut self, label_values: &[&str], value: &HistogramValue) {
        let Some(metric) = self.begin() else { return };
        let mut below = 0;
        for (bound, count) in value.bounds.iter().zip(&value.buckets) {
            below += count;
            self.line(metric, "_bucket", label_values, Some(*bound), below.into());
        }
        self.line(metric, "_bucket", label_values, Some(f64::INFINITY), value.count.into());
        self.line(metric, "_sum", label_values, None, value.sum);
        self.line(metric, "_count", label_values, None, value.count.into());
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Encoder;
    use prometheus::proto::{Gauge, LabelPair, Metric as ProtoMetric, MetricFamily, MetricType};
    use proptest::prelude::*;

    use super::*;
    use crate::exposition::metric;

    /// The same family by the `prometheus` crate's encoder.
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
        fn it_writes_what_the_prometheus_crate_writes(
            samples in prop::collection::vec((prop::collection::vec(".*", 4), -1.0e9..1.0e9), 1..5)
        ) {
            let metric = metric("workspace_screen_records");
            let mut encoder = TextEncoder::default();
            encoder.family(metric);
            for (values, value) in &samples {
                let values: Vec<_> = values.iter().map(String::as_str).collect();
                encoder.sample(&values, Value::Float(*value));
            }
            let text = String::from_utf8(encoder.finish()).unwrap();
            prop_assert_eq!(text, oracle(metric, &samples));
        }
    }

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
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
            encoder.family(metric("process_threads"));
            encoder.sample(&[], value);
            let body = String::from_utf8(encoder.finish()).unwrap();
            assert_eq!(body.lines().last(), Some(format!("process_threads {text}").as_str()));
        }
    }

    #[test]
    fn a_family_without_samples_leaves_no_trace() {
        let mut encoder = TextEncoder::default();
        encoder.family(metric("process_threads"));
        assert!(encoder.finish().is_empty());
    }
}
