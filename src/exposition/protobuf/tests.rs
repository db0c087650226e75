//! A decoder built from the official model reads back what is written.

use super::*;
use crate::exposition::catalog;
use crate::ledger::Exemplar;
use records_api::record::Timestamp;

#[path = "../../../tests/suite/client_model.rs"]
mod client_model;
use client_model::{BucketSpan, MetricType, families};

#[test]
fn gauges_and_counters_are_read_back_by_the_client_model() {
    let mut encoder = ProtobufEncoder::default();
    encoder.family(&catalog::PROCESS_THREADS);
    encoder.family(&catalog::SCREEN_RECORDS);
    let constant = [("site".to_owned(), "é\n\"".to_owned())];
    let long = "x".repeat(300);
    for (pool, value) in [("a", 3), (long.as_str(), 1 << 40)] {
        let values = ["p", "RECORDING", "FULL", pool];
        encoder.gauge(Labels { constant: &constant, ..Labels::of(&values) }, Value::Integer(value));
    }
    encoder.family(&catalog::PROCESS_CPU_SECONDS_TOTAL);
    let created = Timestamp::from_millis(1_700_000_000_250);
    let counter = CounterValue { value: Value::Float(1.5), created, exemplar: None };
    encoder.counter(Labels::of(&[]), &counter);
    let families = families(&encoder.finish());
    let names: Vec<_> = families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["workspace_screen_records", "process_cpu_seconds_total"]);
    let gauges = &families[0];
    assert_eq!(gauges.help, catalog::SCREEN_RECORDS.help);
    assert_eq!((gauges.r#type(), gauges.unit.as_str()), (MetricType::Gauge, ""));
    let values: Vec<_> = gauges.metric.iter().map(|m| m.gauge.unwrap().value.to_bits()).collect();
    assert_eq!(values, [3.0_f64.to_bits(), 2.0_f64.powi(40).to_bits()]);
    let pair = |at: usize, label: usize| {
        let label = &gauges.metric[at].label[label];
        (label.name.as_str(), label.value.as_str())
    };
    assert_eq!(pair(0, 4), ("site", "é\n\""));
    assert_eq!(pair(1, 3), ("pool", long.as_str()));
    assert_eq!((families[1].r#type(), families[1].unit.as_str()), (MetricType::Counter, "seconds"));
    let counter = families[1].metric[0].counter.as_ref().unwrap();
    assert_eq!(counter.value.to_bits(), 1.5_f64.to_bits());
    let start = counter.start_timestamp.unwrap();
    assert_eq!((start.seconds, start.nanos), (1_700_000_000, 250_000_000));
}

#[test]
fn exemplars_and_native_histograms_are_read_back_by_the_client_model() {
    let at = Timestamp::from_millis(1_000);
    let exemplar = Exemplar { record_id: "r".into(), at };
    let mut encoder = ProtobufEncoder::default();
    encoder.family(&catalog::SCREEN_RECORD_TRANSITIONS_TOTAL);
    let value = 1.into();
    let counter = CounterValue { value, created: at, exemplar: Some(&exemplar) };
    encoder.counter(Labels::of(&["p", "UPLOAD_FAILED", "FULL", "a"]), &counter);
    encoder.family(&catalog::SCREEN_RECORD_FILE_SIZE_BYTES);
    let mut native = NativeBuckets { zeros: 2, ..NativeBuckets::default() };
    native.buckets.extend([(-3, 4), (-2, 1), (5, 7)]);
    let histogram = HistogramValue {
        bounds: vec![1.0, 2.0],
        buckets: vec![7, 3],
        count: 14,
        sum: Value::Integer(99),
        created: at,
        native: Some(&native),
    };
    encoder.histogram(Labels::of(&["p", "FULL"]), &histogram);
    let families = families(&encoder.finish());
    let counter = families[0].metric[0].counter.as_ref().unwrap();
    let exemplar = counter.exemplar.as_ref().unwrap();
    let label = &exemplar.label[0];
    assert_eq!((label.name.as_str(), label.value.as_str()), ("record_id", "r"));
    assert_eq!(exemplar.value.to_bits(), 1.0_f64.to_bits());
    assert_eq!(exemplar.timestamp.unwrap().seconds, 1);
    let histogram = families[1].metric[0].histogram.as_ref().unwrap();
    let buckets: Vec<_> =
        histogram.bucket.iter().map(|b| (b.cumulative_count, b.upper_bound)).collect();
    assert_eq!(buckets, [(7, 1.0), (10, 2.0)]);
    assert_eq!((histogram.sample_count, histogram.sample_sum.to_bits()), (14, 99_f64.to_bits()));
    assert_eq!((histogram.schema, histogram.zero_count), (Some(3), Some(2)));
    assert_eq!(histogram.zero_threshold, Some(ZERO_THRESHOLD));
    let span = |offset, length| BucketSpan { offset, length };
    assert_eq!(histogram.positive_span, [span(-3, 2), span(6, 1)]);
    assert_eq!(histogram.positive_delta, [4, -3, 6]);
    assert_eq!(histogram.start_timestamp.unwrap().seconds, 1);
}

#[test]
fn the_length_of_a_varint_is_what_is_written() {
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
        let mut message = Message::default();
        message.varint(number);
        assert_eq!(varint_length(number), message.0.len(), "{number}");
    }
}
