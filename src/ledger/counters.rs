//! Counters and histograms since counting began.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::native::NativeBuckets;
use super::symbols::LabelId;
use super::terms::TermId;
use records_api::record::Timestamp;

/// Series of a counter or a histogram, by its exposed labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Series {
    /// Records seen for the first time, by type and pool.
    Seen(TermId, LabelId),
    /// Entries into a status, by status, type and pool.
    Entered(TermId, TermId, LabelId),
    /// Entries into a status, by user and status.
    UserEntered(LabelId, TermId),
    /// Records that left the window in flight, by status and pool.
    Expired(TermId, LabelId),
    /// Sizes of files in bytes, by type.
    FileSize(TermId),
    /// Durations of videos in seconds, by type.
    VideoDuration(TermId),
    /// Milliseconds from the end of a recording to the end of its upload, by type.
    UploadDelay(TermId),
    /// Total size in bytes of records at their entries into `UPLOAD_COMPLETED`, by type and pool. Since
    /// format 4.
    UploadedBytes(TermId, LabelId),
    /// Total duration in seconds of these records, by type and pool. Since format 4.
    UploadedSeconds(TermId, LabelId),
}

const MIB: u64 = 1 << 20;
const FILE_SIZE_BOUNDS: &[u64] =
    &[MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB, 4096 * MIB];
const DURATION_BOUNDS: &[u64] = &[60, 300, 600, 1200, 1800, 3600, 7200];
const DELAY_BOUNDS: &[u64] = &[
    60_000, 300_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000,
];

impl Series {
    /// Returns the upper bounds of the buckets, inclusive, in the unit of the observations. A
    /// counter has none.
    pub fn bounds(self) -> &'static [u64] {
        match self {
            Self::FileSize(_) => FILE_SIZE_BOUNDS,
            Self::VideoDuration(_) => DURATION_BOUNDS,
            Self::UploadDelay(_) => DELAY_BOUNDS,
            _ => &[],
        }
    }

    /// Returns the position of the metric family among those of counters and histograms.
    pub fn family(self) -> usize {
        match self {
            Self::Seen(..) => 0,
            Self::Entered(..) => 1,
            Self::UserEntered(..) => 2,
            Self::UploadedBytes(..) => 3,
            Self::UploadedSeconds(..) => 4,
            Self::Expired(..) => 5,
            Self::FileSize(_) => 6,
            Self::VideoDuration(_) => 7,
            Self::UploadDelay(_) => 8,
        }
    }

    /// Returns the pools and users among its labels.
    pub(super) fn labels(self) -> impl Iterator<Item = LabelId> {
        let label = match self {
            Self::Seen(_, label)
            | Self::Entered(_, _, label)
            | Self::UserEntered(label, _)
            | Self::Expired(_, label)
            | Self::UploadedBytes(_, label)
            | Self::UploadedSeconds(_, label) => Some(label),
            Self::FileSize(_) | Self::VideoDuration(_) | Self::UploadDelay(_) => None,
        };
        label.into_iter()
    }

    /// Returns the statuses and types among its labels.
    pub(super) fn terms(self) -> impl Iterator<Item = TermId> {
        let terms = match self {
            Self::Entered(status, record_type, _) => [Some(status), Some(record_type)],
            Self::Seen(term, _)
            | Self::UserEntered(_, term)
            | Self::Expired(term, _)
            | Self::UploadedBytes(term, _)
            | Self::UploadedSeconds(term, _)
            | Self::FileSize(term)
            | Self::VideoDuration(term)
            | Self::UploadDelay(term) => [Some(term), None],
        };
        terms.into_iter().flatten()
    }

    /// Returns the number of units of the observations in one exposed unit. Delays are kept in
    /// milliseconds and exposed in seconds.
    pub fn units_per_exposed_unit(self) -> u64 {
        if matches!(self, Self::UploadDelay(_)) { 1000 } else { 1 }
    }

    /// Returns native buckets that are consistent with classic ones: each observation is taken to
    /// be at the upper bound of its bucket, or just above the last bound. Empty ones would
    /// contradict the count of the histogram.
    pub(super) fn native_from_classic(self, counter: &Counter) -> NativeBuckets {
        let mut native = NativeBuckets::default();
        let Some(histogram) = &counter.histogram else { return native };
        let unit = self.units_per_exposed_unit() as f64;
        let mut beyond = counter.count;
        for (bound, times) in self.bounds().iter().zip(&histogram.buckets) {
            native.observe(*bound as f64 / unit, *times);
            beyond = beyond.saturating_sub(u128::from(*times));
        }
        let last = self.bounds().last().copied().unwrap_or_default();
        native.observe((last + 1) as f64 / unit, u64::try_from(beyond).unwrap_or(u64::MAX));
        native
    }
}

/// Value of a series. There are thousands of counters, so the data of histograms is boxed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SerializedCounter", into = "SerializedCounter")]
pub struct Counter {
    /// Number of events or observations, or a sum of bytes or seconds. With 64 bits, two records of the
    /// largest size would overflow.
    pub count: u128,
    /// Time at which the series was created.
    pub created: Timestamp,
    /// Sum and buckets of a histogram; `None` for a counter.
    pub histogram: Option<Box<HistogramData>>,
    /// The failed record that it counted last.
    pub exemplar: Option<Arc<Exemplar>>,
}

/// Record that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemplar {
    /// The id of the record, or the beginning of a very long one.
    pub record_id: Box<str>,
    /// Start of the poll that counted it.
    pub at: Timestamp,
}

/// Data of a histogram in addition to the number of its observations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramData {
    /// Sum of the observations.
    pub sum: u128,
    /// Number of observations in each bucket, not cumulative. Observations above the last bound are
    /// in no bucket.
    pub buckets: Vec<u64>,
    /// The same observations in exponential buckets, in the exposed unit.
    pub native: NativeBuckets,
}

/// Serialized form of a [`Counter`] since format 1: a counter has the sum 0 and no buckets. Numbers have
/// as many bytes as they need, so counts of 64 bits are read as well. Native
/// buckets and exemplars are entries of their own, so that older states can still be read.
#[derive(Serialize, Deserialize)]
struct SerializedCounter {
    count: u128,
    sum: u128,
    buckets: Vec<u64>,
    created: Timestamp,
}

impl Counter {
    /// Creates the value of a new series.
    pub fn new(series: Series, created: Timestamp) -> Self {
        let buckets = vec![0; series.bounds().len()];
        SerializedCounter { count: 0, sum: 0, buckets, created }.into()
    }
}

impl From<SerializedCounter> for Counter {
    fn from(SerializedCounter { count, sum, buckets, created }: SerializedCounter) -> Self {
        // A histogram has buckets from its creation on, so its series need not be known here.
        let native = NativeBuckets::default();
        let histogram =
            (!buckets.is_empty()).then(|| Box::new(HistogramData { sum, buckets, native }));
        Self { count, created, histogram, exemplar: None }
    }
}

impl From<Counter> for SerializedCounter {
    fn from(Counter { count, created, histogram, .. }: Counter) -> Self {
        let (sum, buckets) = histogram.map(|h| (h.sum, h.buckets)).unwrap_or_default();
        Self { count, sum, buckets, created }
    }
}

/// All series.
pub type Counters = BTreeMap<Series, Counter>;

/// Updates of the counters by one poll. The known counters stay unchanged until the commit.
#[derive(Debug)]
pub(super) struct CounterUpdates<'a> {
    known: &'a Counters,
    now: Timestamp,
    changed: Counters,
}

impl<'a> CounterUpdates<'a> {
    pub(super) fn new(known: &'a Counters, now: Timestamp) -> Self {
        Self { known, now, changed: Counters::new() }
    }

    /// Creates a series at 0, if it does not exist.
    pub(super) fn create(&mut self, series: Series) {
        if !self.known.contains_key(&series) {
            self.entry(series);
        }
    }

    /// Increments a counter.
    pub(super) fn increment(&mut self, series: Series) {
        self.add(series, 1);
    }

    /// Adds a number to a counter. A sum of 128 bits does not overflow; a damaged journal may hold a
    /// number close to the limit.
    pub(super) fn add(&mut self, series: Series, number: u64) {
        let count = &mut self.entry(series).count;
        *count = count.saturating_add(number.into());
    }

    /// Increments a counter. Without an exemplar it keeps the earlier one.
    pub(super) fn increment_with_exemplar(
        &mut self,
        series: Series,
        exemplar: Option<&Arc<Exemplar>>,
    ) {
        let counter = self.entry(series);
        counter.count = counter.count.saturating_add(1);
        if let Some(exemplar) = exemplar {
            counter.exemplar = Some(exemplar.clone());
        }
    }

    /// Adds an observation to a histogram.
    pub(super) fn observe(&mut self, series: Series, value: u64) {
        let counter = self.entry(series);
        counter.count = counter.count.saturating_add(1);
        let histogram = counter.histogram.as_mut().expect("only histograms are observed");
        histogram.sum += u128::from(value);
        if let Some(bucket) = series.bounds().iter().position(|bound| value <= *bound) {
            histogram.buckets[bucket] += 1;
        }
        histogram.native.observe(value as f64 / series.units_per_exposed_unit() as f64, 1);
    }

    /// Returns the new values of the series that changed.
    pub(super) fn into_changed(self) -> Counters {
        self.changed
    }

    fn entry(&mut self, series: Series) -> &mut Counter {
        let (known, now) = (self.known, self.now);
        self.changed.entry(series).or_insert_with(|| {
            known.get(&series).cloned().unwrap_or_else(|| Counter::new(series, now))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_continue_from_the_known_counters() {
        let at = Timestamp::from_millis;
        let series = Series::Seen(TermId::NONE, LabelId::NONE);
        let nothing = Counters::new();
        let mut updates = CounterUpdates::new(&nothing, at(1));
        updates.increment(series);
        updates.increment(series);
        let known = updates.into_changed();
        assert_eq!((known[&series].count, known[&series].created), (2, at(1)));
        let mut updates = CounterUpdates::new(&known, at(2));
        updates.create(series);
        updates.create(Series::FileSize(TermId::NONE));
        updates.increment(series);
        let changed = updates.into_changed();
        assert_eq!((changed[&series].count, changed[&series].created), (3, at(1)));
        assert_eq!(changed[&Series::FileSize(TermId::NONE)].created, at(2));
    }

    #[test]
    fn an_observation_falls_into_the_first_bucket_that_holds_it() {
        let series = Series::VideoDuration(TermId::NONE);
        let known = Counters::new();
        let mut updates = CounterUpdates::new(&known, Timestamp::from_millis(0));
        for value in [0, 60, 61, 7200, 7201] {
            updates.observe(series, value);
        }
        let counter = updates.into_changed().remove(&series).unwrap();
        let histogram = counter.histogram.unwrap();
        assert_eq!(*histogram.buckets, [2, 1, 0, 0, 0, 0, 1]);
        assert_eq!((counter.count, histogram.sum), (5, 14_522));
    }

    #[test]
    fn counters_and_histograms_are_serialized_alike() {
        for series in [Series::Seen(TermId::NONE, LabelId::NONE), Series::FileSize(TermId::NONE)] {
            let counter = Counter::new(series, Timestamp::from_millis(5));
            let buckets = vec![0_u64; series.bounds().len()];
            let written = postcard::to_stdvec(&(0_u64, 0_u128, buckets, counter.created)).unwrap();
            assert_eq!(postcard::to_stdvec(&counter).unwrap(), written);
            assert_eq!(postcard::from_bytes::<Counter>(&written).unwrap(), counter);
        }
    }
}
