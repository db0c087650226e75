//! Interface of the encoders: families, and their samples.

use super::catalog::Metric;
use std::borrow::Cow;

use crate::ledger::{Exemplar, NativeBuckets, ValueLimit};
use crate::snapshot::ProjectLabels;
use records_api::record::Timestamp;

/// Value of a sample.
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
    /// Returns the nearest floating-point number.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// Labels that every series of a project has in addition to those of its metric: names and values.
pub type ConstantLabels = [(String, String)];

/// Labels of a sample.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    /// Values in the order of [`Metric::labels`].
    pub values: &'a [&'a str],
    /// Constant labels of the project.
    pub constant: &'a ConstantLabels,
    /// Longer values are written truncated.
    pub limit: ValueLimit,
}

impl<'a> Labels<'a> {
    /// Labels of a project's series that have these values.
    pub fn of_project(project: &'a ProjectLabels, values: &'a [&'a str]) -> Self {
        Self { values, constant: &project.constant, limit: project.value_limit }
    }

    /// Labels of a series that does not belong to a project.
    pub fn of(values: &'a [&'a str]) -> Self {
        Self { values, constant: &[], limit: ValueLimit::NONE }
    }

    /// Iterates over names and values of all labels.
    pub(super) fn pairs(
        self,
        metric: &'static Metric,
    ) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        debug_assert_eq!(metric.labels.len(), self.values.len(), "{}", metric.name);
        let own = metric.labels.iter().zip(self.values);
        let own = own.map(move |(name, value)| (*name, self.limit.shown(value)));
        let constant = self.constant.iter();
        own.chain(constant.map(|(name, value)| (name.as_str(), value.as_str().into())))
    }
}

/// Value of a counter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterValue<'a> {
    /// Current value.
    pub value: Value,
    /// Time of creation.
    pub created: Timestamp,
    /// Record that was counted last, if known.
    pub exemplar: Option<&'a Exemplar>,
}

/// Value of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramValue<'a> {
    /// Upper bounds of the buckets, inclusive, ascending, without infinity.
    pub bounds: Vec<f64>,
    /// Observations per bucket, not cumulative.
    pub buckets: Vec<u64>,
    /// Number of observations, including those above the last bound.
    pub count: u64,
    /// Sum of the observations.
    pub sum: Value,
    /// Time of creation.
    pub created: Timestamp,
    /// Exponential buckets of a native histogram, if kept.
    pub native: Option<&'a NativeBuckets>,
}

/// Accepts families one after the other, each with all of its samples: no format allows families to
/// be interleaved. A family without samples is not written.
pub trait Sink {
    /// Begins a family.
    fn family(&mut self, metric: &'static Metric);

    /// Adds a gauge to the current family.
    fn gauge(&mut self, labels: Labels<'_>, value: Value);

    /// Adds a counter to the current family.
    fn counter(&mut self, labels: Labels<'_>, counter: &CounterValue<'_>);

    /// Adds a histogram to the current family.
    fn histogram(&mut self, labels: Labels<'_>, histogram: &HistogramValue<'_>);
}
