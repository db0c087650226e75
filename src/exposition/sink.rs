//! What every encoder can take.

use super::catalog::Metric;

/// The value of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A whole number, written without rounding.
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

/// A histogram at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramValue {
    /// Upper bounds of the buckets, inclusive, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// Observations by bucket, not cumulative.
    pub buckets: Vec<u64>,
    /// All observations.
    pub count: u64,
    /// All observations added up.
    pub sum: Value,
}

/// Takes families one after the other, each with all of its samples: no format lets them
/// interleave. A family without samples leaves no trace.
pub trait Sink {
    /// Begins a family.
    fn family(&mut self, metric: &'static Metric);

    /// Adds a sample of the current family: label values in the order of [`Metric::labels`].
    fn sample(&mut self, label_values: &[&str], value: Value);

    /// Adds a histogram of the current family.
    fn histogram(&mut self, label_values: &[&str], value: &HistogramValue);
}
