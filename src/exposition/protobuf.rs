//! Delimited protobuf: `io.prometheus.client.MetricFamily`, each after its length, with native
//! histograms beside the classic buckets.
//!
//! The field numbers are those of `metrics.proto` in the Prometheus project's `client_model`. The encoder
//! of the `prometheus` crate is not used: its model dates from 2014 and has neither exemplars nor created
//! timestamps nor native histograms. A test decodes the output with an independent copy of the model.

use super::catalog::{Kind, Metric};
use super::exemplar::LABEL;
use super::sink::{CounterValue, HistogramValue, Labels, Sink, Value};
use crate::ledger::NativeBuckets;
use records_api::record::Timestamp;

/// Writes delimited protobuf.
#[derive(Debug, Default)]
pub struct ProtobufEncoder {
    body: Message,
    current: Option<&'static Metric>,
    /// Current family; empty before its first sample.
    family: Message,
    /// Sample under construction.
    sample: Message,
}

/// Width of the zero bucket, as in other client libraries.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

impl ProtobufEncoder {
    /// Returns the length-prefixed families.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_family();
        self.body.0
    }

    fn end_family(&mut self) {
        if !self.family.0.is_empty() {
            self.body.varint(self.family.0.len() as u64);
            self.body.0.append(&mut self.family.0);
        }
    }

    /// Begins a sample with its labels. The first sample of a family is preceded by its metadata.
    fn begin(&mut self, labels: Labels<'_>) -> bool {
        let Some(metric) = self.current else { return false };
        if self.family.0.is_empty() {
            self.family.text(1, metric.name);
            self.family.text(2, metric.help);
            self.family.number(
                3,
                match metric.kind {
                    Kind::Counter => 0,
                    Kind::Gauge => 1,
                    Kind::Histogram => 4,
                },
            );
            if let Some(unit) = metric.unit() {
                // The definition lists it after the samples, but fields may appear in any order.
                self.family.text(5, unit);
            }
        }
        self.sample.0.clear();
        for (name, value) in labels.pairs(metric) {
            self.sample.pair(1, name, &value);
        }
        true
    }

    fn end(&mut self) {
        self.family.message(4, &self.sample);
    }
}

impl Sink for ProtobufEncoder {
    fn family(&mut self, metric: &'static Metric) {
        self.end_family();
        self.current = Some(metric);
    }

    fn gauge(&mut self, labels: Labels<'_>, value: Value) {
        if self.begin(labels) {
            self.sample.key(2, LENGTH);
            self.sample.varint(9);
            self.sample.double(1, value.as_f64());
            self.end();
        }
    }

    fn counter(&mut self, labels: Labels<'_>, counter: &CounterValue<'_>) {
        if self.begin(labels) {
            let mut message = Message::default();
            message.double(1, counter.value.as_f64());
            if let Some(exemplar) = counter.exemplar {
                let mut inner = Message::default();
                inner.pair(1, LABEL, &exemplar.record_id);
                inner.double(2, 1.0);
                inner.time(3, exemplar.at);
                message.message(2, &inner);
            }
            message.time(3, counter.created);
            self.sample.message(3, &message);
            self.end();
        }
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &HistogramValue<'_>) {
        if self.begin(labels) {
            let mut message = Message::default();
            message.number(1, histogram.count);
            message.double(2, histogram.sum.as_f64());
            let mut below = 0;
            for (bound, count) in histogram.bounds.iter().zip(&histogram.buckets) {
                below += count;
                let mut bucket = Message::default();
                bucket.number(1, below);
                bucket.double(2, *bound);
                message.message(3, &bucket);
            }
            if let Some(native) = histogram.native {
                message.native(native);
            }
            message.time(15, histogram.created);
            self.sample.message(7, &message);
            self.end();
        }
    }
}

/// Fields of a message in the wire format.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

// Wire types.
const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const LENGTH: u32 = 2;

impl Message {
    fn varint(&mut self, mut number: u64) {
        loop {
            let low = number.to_le_bytes()[0] & 0x7f;
            number >>= 7;
            if number == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    fn number(&mut self, field: u32, number: u64) {
        self.key(field, VARINT);
        self.varint(number);
    }

    /// Writes a zigzag-encoded number: `sint32` and `sint64`.
    fn signed(&mut self, field: u32, number: i64) {
        self.number(field, (number << 1 ^ number >> 63).cast_unsigned());
    }

    fn double(&mut self, field: u32, number: f64) {
        self.key(field, FIXED_64);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, field: u32, text: &str) {
        self.key(field, LENGTH);
        self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn message(&mut self, field: u32, message: &Self) {
        self.key(field, LENGTH);
        self.varint(message.0.len() as u64);
        self.0.extend_from_slice(&message.0);
    }

    /// Writes a `LabelPair` without a temporary message, because every series has several.
    fn pair(&mut self, field: u32, name: &str, value: &str) {
        let length = |text: &str| 1 + varint_length(text.len() as u64) + text.len();
        self.key(field, LENGTH);
        self.varint((length(name) + length(value)) as u64);
        self.text(1, name);
        self.text(2, value);
    }

    /// Writes a `google.protobuf.Timestamp`.
    fn time(&mut self, field: u32, time: Timestamp) {
        let (seconds, millis) = (time.millis().div_euclid(1000), time.millis().rem_euclid(1000));
        let mut message = Self::default();
        message.number(1, seconds.cast_unsigned());
        message.number(2, millis.cast_unsigned() * 1_000_000);
        self.message(field, &message);
    }

    /// Writes the fields of a native histogram: spans of adjacent buckets, and the count of each
    /// bucket as the difference from the previous one.
    fn native(&mut self, native: &NativeBuckets) {
        self.signed(5, NativeBuckets::SCHEMA.into());
        self.double(6, ZERO_THRESHOLD);
        self.number(7, native.zeros);
        let mut spans: Vec<(i64, u64)> = Vec::new();
        let mut next = None;
        for number in native.buckets.keys() {
            let number = i64::from(*number);
            match (next == Some(number), spans.last_mut()) {
                (true, Some((_, length))) => *length += 1,
                _ => spans.push((number - next.unwrap_or(0), 1)),
            }
            next = Some(number + 1);
        }
        for (offset, length) in spans {
            let mut span = Self::default();
            span.signed(1, offset);
            span.number(2, length);
            self.message(12, &span);
        }
        let mut before = 0;
        for count in native.buckets.values() {
            self.signed(13, count.wrapping_sub(before).cast_signed());
            before = *count;
        }
    }
}

fn varint_length(number: u64) -> usize {
    // Seven bits per byte; zero takes one byte.
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests;
