//! Encoder for `OpenMetrics` text 1.0.0 and 0.0.1, which are identical here.

use std::io::{self, Write};

use super::catalog::Metric;
use super::exemplar::LABEL;
use super::lines::Lines;
use super::sink::{CounterValue, HistogramValue, Labels, Sink, Value};
use crate::ledger::Exemplar;
use records_api::record::Timestamp;

/// Writes `OpenMetrics` text.
#[derive(Debug)]
pub struct OpenMetricsEncoder {
    lines: Lines,
    /// Current family.
    metric: Option<&'static Metric>,
    /// True once the metadata of the current family is written.
    has_head: bool,
    /// True if `_created` series are written.
    created_series: bool,
}

impl OpenMetricsEncoder {
    /// End of every body.
    pub const END: &'static str = "# EOF\n";

    /// Creates an encoder. It writes `_created` lines if `created_series` is set.
    pub fn new(created_series: bool) -> Self {
        Self { lines: Lines::default(), metric: None, has_head: false, created_series }
    }

    /// Returns the text without its [end](Self::END), so that another part of the body can follow.
    pub fn finish(self) -> Vec<u8> {
        self.lines.body
    }

    /// Writes the next samples with this time. Samples of the exporter itself have none.
    pub fn set_time(&mut self, time: Timestamp) {
        self.lines.time = Some(time);
    }

    /// Writes the text to `output` once it has `min_bytes` bytes, and forgets it. Returns the number of
    /// bytes written.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn drain(&mut self, min_bytes: usize, output: &mut impl Write) -> io::Result<usize> {
        let length = self.lines.body.len();
        if length < min_bytes {
            return Ok(0);
        }
        output.write_all(&self.lines.body)?;
        self.lines.body.clear();
        Ok(length)
    }

    /// Begins a sample. The first sample of a family is preceded by its metadata.
    fn begin(&mut self) {
        if let Some(metric) = self.metric
            && !std::mem::replace(&mut self.has_head, true)
        {
            let family = metric.family_name();
            self.lines.begin(metric, family);
            self.lines.comment("HELP", family, metric.help);
            self.lines.comment("TYPE", family, metric.kind.as_str());
            if let Some(unit) = metric.unit() {
                self.lines.comment("UNIT", family, unit);
            }
        }
    }

    fn created(&mut self, labels: Labels<'_>, created: Timestamp) {
        if self.created_series {
            self.lines.line("_created", labels, None, created.as_seconds().into());
        }
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        self.lines.text(" # {");
        self.lines.label(LABEL, &exemplar.record_id);
        self.lines.text("} 1 ");
        self.lines.number(exemplar.at.as_seconds().into());
    }
}

impl Sink for OpenMetricsEncoder {
    fn family(&mut self, metric: &'static Metric) {
        self.metric = Some(metric);
        self.has_head = false;
    }

    fn gauge(&mut self, labels: Labels<'_>, value: Value) {
        self.begin();
        self.lines.line("", labels, None, value);
    }

    fn counter(&mut self, labels: Labels<'_>, counter: &CounterValue<'_>) {
        self.begin();
        self.lines.series("_total", labels, None);
        self.lines.number(counter.value);
        self.lines.time();
        if let Some(exemplar) = counter.exemplar {
            self.exemplar(exemplar);
        }
        self.lines.body.push(b'\n');
        self.created(labels, counter.created);
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &HistogramValue<'_>) {
        self.begin();
        let mut below = 0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.buckets) {
            below += count;
            self.lines.line("_bucket", labels, Some(&bound_text(*bound)), below.into());
        }
        self.lines.line("_bucket", labels, Some("+Inf"), histogram.count.into());
        self.lines.line("_count", labels, None, histogram.count.into());
        self.lines.line("_sum", labels, None, histogram.sum);
        self.created(labels, histogram.created);
    }
}

/// Formats a bound as Go does: `60.0`, `1.048576e+06`. Prometheus 2 names the buckets of protobuf
/// this way, and both formats must result in the same series.
fn bound_text(bound: f64) -> String {
    if bound == 0.0 || (1e-4..1e6).contains(&bound.abs()) {
        let text = bound.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{bound:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::catalog;
    use crate::ledger::Series;

    #[test]
    fn bounds_are_formatted_as_in_go() {
        // strconv.FormatFloat(bound, 'g', -1, 64), plus ".0" if the result has neither "." nor "e".
        let cases = [
            (0.0, "0.0"),
            (0.001, "0.001"),
            (0.25, "0.25"),
            (1.0, "1.0"),
            (60.0, "60.0"),
            (1800.0, "1800.0"),
            (86_400.0, "86400.0"),
            (999_999.0, "999999.0"),
            (1_234_567.5, "1.2345675e+06"),
            (0.00001, "1e-05"),
            (1e6, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (4_194_304.0, "4.194304e+06"),
            (67_108_864.0, "6.7108864e+07"),
            (1_073_741_824.0, "1.073741824e+09"),
            (4_294_967_296.0, "4.294967296e+09"),
        ];
        for (bound, text) in cases {
            assert_eq!(bound_text(bound), text);
        }
    }

    #[test]
    fn counters_have_exemplars_and_optional_created_series() {
        let at = Timestamp::from_millis(1_700_000_000_250);
        let exemplar = Exemplar { record_id: "a\"b".into(), at };
        let counter = CounterValue {
            value: 3.into(),
            created: Timestamp::from_millis(1_600_000_000_000),
            exemplar: Some(&exemplar),
        };
        let constant = [("site".to_owned(), "x".to_owned())];
        let values = ["p", "UPLOAD_FAILED", "FULL", "pool"];
        let labels = Labels { constant: &constant, ..Labels::of(&values) };
        let series =
            "{project=\"p\",status=\"UPLOAD_FAILED\",type=\"FULL\",pool=\"pool\",site=\"x\"}";
        let name = "workspace_screen_record_transitions";
        for created_series in [false, true] {
            let mut encoder = OpenMetricsEncoder::new(created_series);
            encoder.family(&catalog::SCREEN_RECORD_TRANSITIONS_TOTAL);
            encoder.counter(labels, &counter);
            let text = String::from_utf8(encoder.finish()).unwrap();
            let mut lines: Vec<_> = text.lines().collect();
            assert!(lines.remove(0).starts_with(&format!("# HELP {name} Total number")), "{text}");
            assert_eq!(lines.remove(0), format!("# TYPE {name} counter"));
            let exemplar = "# {record_id=\"a\\\"b\"} 1 1700000000.25";
            assert_eq!(lines.remove(0), format!("{name}_total{series} 3 {exemplar}"));
            let created = format!("{name}_created{series} 1600000000");
            assert_eq!(lines, if created_series { vec![created] } else { Vec::new() });
        }
    }

    #[test]
    fn a_histogram_has_its_unit_and_canonical_bounds() {
        let bounds = Series::VideoDuration(crate::ledger::TermId::NONE).bounds();
        let histogram = HistogramValue {
            bounds: bounds[..2].iter().map(|bound| *bound as f64).collect(),
            buckets: vec![1, 2],
            count: 4,
            sum: Value::Float(10_000.5),
            created: Timestamp::from_millis(0),
            native: None,
        };
        let mut encoder = OpenMetricsEncoder::new(true);
        encoder.family(&catalog::SCREEN_RECORD_VIDEO_DURATION_SECONDS);
        encoder.histogram(Labels::of(&["p", "FULL"]), &histogram);
        let text = String::from_utf8(encoder.finish()).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        let name = "workspace_screen_record_video_duration_seconds";
        let labels = "project=\"p\",type=\"FULL\"";
        let expected = [
            format!("# TYPE {name} histogram"),
            format!("# UNIT {name} seconds"),
            format!("{name}_bucket{{{labels},le=\"60.0\"}} 1"),
            format!("{name}_bucket{{{labels},le=\"300.0\"}} 3"),
            format!("{name}_bucket{{{labels},le=\"+Inf\"}} 4"),
            format!("{name}_count{{{labels}}} 4"),
            format!("{name}_sum{{{labels}}} 10000.5"),
            format!("{name}_created{{{labels}}} 0"),
        ];
        assert_eq!(lines, expected);
    }
}
