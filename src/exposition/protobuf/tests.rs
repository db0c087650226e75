//! What the model of the prometheus crate and a reader of fields make of what is written.

use prometheus::proto::{MetricFamily, MetricType};
use protobuf::{CodedInputStream, UnknownValueRef};

use super::*;
use crate::exposition::catalog;
use crate::ledger::Exemplar;
use records_api::record::Timestamp;

fn decode(bytes: &[u8]) -> Vec<MetricFamily> {
    let mut stream = CodedInputStream::from_bytes(bytes);
    let mut families = Vec::new();
    while !stream.eof().unwrap() {
        families.push(stream.read_message().unwrap());
    }
    families
}

/// The fields that the crate's model does not know, by number.
fn unknown(fields: &protobuf::SpecialFields) -> Vec<(u32, String)> {
    let show = |value: UnknownValueRef<'_>| match value {
        UnknownValueRef::Varint(number) => number.to_string(),
        UnknownValueRef::Fixed64(number) => format!("{:e}", f64::from_bits(number)),
        UnknownValueRef::LengthDelimited(bytes) => format!("{bytes:02x?}"),
        UnknownValueRef::Fixed32(number) => number.to_string(),
    };
    fields.unknown_fields().iter().map(|(number, value)| (number, show(value))).collect()
}

#[test]
fn the_model_of_the_prometheus_crate_reads_what_it_knows() {
    let mut encoder = ProtobufEncoder::default();
    encoder.family(&catalog::PROCESS_THREADS);
    encoder.family(&catalog::SCREEN_RECORDS);
    let constant = [("site".to_owned(), "é\n\"".to_owned())];
    let long = "x".repeat(300);
    for (pool, value) in [("a", 3), (long.as_str(), 1 << 40)] {
        let values = ["p", "RECORDING", "FULL", pool];
        encoder.gauge(Labels { values: &values, constant: &constant }, Value::Integer(value));
    }
    encoder.family(&catalog::PROCESS_CPU_SECONDS_TOTAL);
    let created = Timestamp::from_millis(1_700_000_000_250);
    let counter = CounterValue { value: Value::Float(1.5), created, exemplar: None };
    encoder.counter(Labels::of(&[]), &counter);
    let families = decode(&encoder.finish());
    let names: Vec<_> = families.iter().map(MetricFamily::name).collect();
    assert_eq!(names, ["workspace_screen_records", "process_cpu_seconds_total"]);
    let gauges = &families[0];
    assert_eq!(gauges.help(), catalog::SCREEN_RECORDS.help);
    assert_eq!(gauges.type_(), MetricType::GAUGE);
    let pairs = |at: usize| -> Vec<(String, String)> {
        let labels = gauges.get_metric()[at].get_label();
        labels.iter().map(|l| (l.name().to_owned(), l.value().to_owned())).collect()
    };
    assert_eq!(gauges.get_metric()[0].get_gauge().value().to_bits(), 3.0_f64.to_bits());
    assert_eq!(gauges.get_metric()[1].get_gauge().value().to_bits(), (2.0_f64.powi(40)).to_bits());
    assert_eq!(pairs(0)[4], ("site".to_owned(), "é\n\"".to_owned()));
    assert_eq!(pairs(1)[3], ("pool".to_owned(), long));
    assert_eq!(families[1].type_(), MetricType::COUNTER);
    assert_eq!(unknown(&families[1].special_fields), [(5, "[73, 65, 63, 6f, 6e, 64, 73]".into())]);
    let counter = families[1].get_metric()[0].get_counter();
    assert_eq!(counter.value().to_bits(), 1.5_f64.to_bits());
    let mut time = Message::default();
    time.number(1, 1_700_000_000);
    time.number(2, 250_000_000);
    assert_eq!(unknown(&counter.special_fields), [(3, format!("{:02x?}", time.0))]);
}

#[test]
fn an_exemplar_and_a_native_histogram_stand_at_the_numbers_of_the_client_model() {
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
    let families = decode(&encoder.finish());
    let counter = families[0].get_metric()[0].get_counter();
    let mut inner = Message::default();
    inner.pair(1, "record_id", "r");
    inner.double(2, 1.0);
    inner.time(3, at);
    assert!(unknown(&counter.special_fields).contains(&(2, format!("{:02x?}", inner.0))));
    let histogram = families[1].get_metric()[0].get_histogram();
    let buckets: Vec<_> =
        histogram.get_bucket().iter().map(|b| (b.cumulative_count(), b.upper_bound())).collect();
    assert_eq!(buckets, [(7, 1.0), (10, 2.0)]);
    assert_eq!(histogram.get_sample_count(), 14);
    let mut fields = unknown(&histogram.special_fields);
    fields.sort();
    let of = |number: u32| -> Vec<&str> {
        fields.iter().filter(|(n, _)| *n == number).map(|(_, text)| text.as_str()).collect()
    };
    // Signed numbers are twice their size, less one if they are below zero.
    assert_eq!(of(5), ["6"]);
    assert_eq!(of(6), ["2.938735877055719e-39"]);
    assert_eq!(of(7), ["2"]);
    assert_eq!(of(12), ["[08, 05, 10, 02]", "[08, 0c, 10, 01]"]);
    let mut deltas = of(13);
    deltas.sort_unstable();
    assert_eq!(deltas, ["12", "5", "8"]);
    assert_eq!(of(15).len(), 1);
}

#[test]
fn the_length_of_a_varint_is_what_is_written() {
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
        let mut message = Message::default();
        message.varint(number);
        assert_eq!(varint_length(number), message.0.len(), "{number}");
    }
}
