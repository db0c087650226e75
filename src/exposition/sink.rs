//! What every encoder can take.

use super::catalog::Metric;
use crate::ledger::{Exemplar, NativeBuckets};
use records_api::record::Timestamp;

/// The value of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number, written without rounding where the format has whole numbers.
    Integer(u128),
    /// Any other number.
    Float(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Integer(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl Value {
    /// The nearest number that a format without whole numbers has.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// Labels that every series of a project bears beside those of its metric: names and values.
pub type ConstantLabels = [(String, String)];

/// The labels of a sample.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Values in the order of [`Metric::labels`].
    pub values: &'a [&'a str],
    /// What the project's series bear beside.
    pub constant: &'a ConstantLabels,
}

impl<'a> Labels<'a> {
    /// The labels of a series that is no project's.
    pub fn of(values: &'a [&'a str]) -> Self {
        Self { values, constant: &[] }
    }

    /// Names and values of the labels of a metric's sample.
    pub(super) fn pairs(self, metric: &'static Metric) -> impl Iterator<Item = (&'a str, &'a str)> {
        debug_assert_eq!(metric.labels.len(), self.values.len(), "{}", metric.name);
        let own = metric.labels.iter().zip(self.values).map(|(name, value)| (*name, *value));
        let constant = self.constant.iter();
        own.chain(constant.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// A counter at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterValue<'a> {
    /// What it stands at.
    pub value: Value,
    /// When it began.
    pub created: Timestamp,
    /// The last of what it counted, where that is known.
    pub exemplar: Option<&'a Exemplar>,
}

/// A histogram at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramValue<'a> {
    /// Upper bounds of the buckets, inclusive, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// Observations by bucket, not cumulative.
    pub buckets: Vec<u64>,
    /// All observations.
    pub count: u64,
    /// All observations added up.
    pub sum: Value,
    /// When it began.
    pub created: Timestamp,
    /// The same observations in exponential buckets, where they are kept.
    pub native: Option<&'a NativeBuckets>,
}

/// Takes families one after the other, each with all of its samples: no format lets them
/// interleave. A family without samples leaves no trace.
pub trait Sink {
    /// Begins a family.
    fn family(&mut self, metric: &'static Metric);

    /// Adds a sample of the current family, a gauge.
    fn gauge(&mut self, labels: Labels<'_>, value: Value);

    /// Adds a counter of the current family.
    fn counter(&mut self, labels: Labels<'_>, counter: &CounterValue<'_>);

    /// Adds a histogram of the current family.
    fn histogram(&mut self, labels: Labels<'_>, histogram: &HistogramValue<'_>);
}
