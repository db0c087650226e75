//! Samples: each series from a step before its first entry to the end of its project.

use std::io::{self, Write};
use std::sync::Arc;

use records_api::record::Timestamp;

use super::cells::{Cell, SeriesKey};
use super::families::Family;
use super::label_values::LabelValues;
use super::moments::Moments;
use super::sorter::SortedCells;
use crate::exposition::{
    CounterValue, HistogramValue, Labels, OpenMetricsEncoder, Sink, Value as SampleValue,
};
use crate::snapshot::{ProjectLabels, UserNames};

/// Text that is written at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Time of creation, which is not written.
const NEVER: Timestamp = Timestamp::from_millis(0);

/// Labels and samples of a project.
#[derive(Debug)]
pub(super) struct ProjectSeries {
    pub(super) labels: ProjectLabels,
    pub(super) users: UserNames,
    pub(super) values: LabelValues,
    pub(super) moments: Moments,
}

/// Size of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Number of series. A histogram counts as one.
    pub series: u64,
    /// Number of sample lines.
    pub samples: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// Writes the samples of all series.
pub(super) fn write_samples(
    mut cells: SortedCells,
    projects: &[ProjectSeries],
    output: &mut impl Write,
) -> io::Result<Written> {
    let mut writer = Writer::new(output);
    let mut next = cells.next()?;
    while let Some(first) = next {
        let key = first.key.series;
        let project = &projects[usize::from(key.project)];
        let mut series = Series::new(project, key);
        let begin = first.key.sample;
        writer.begin(key.family);
        writer.write(&series, begin - 1)?;
        for sample in begin..=project.moments.last() {
            while let Some(cell) = next.filter(|cell| cell.key.series == key)
                && cell.key.sample == sample
            {
                series.add(cell);
                next = cells.next()?;
            }
            writer.write(&series, sample)?;
        }
    }
    writer.finish()
}

/// A series with its value at a moment.
struct Series<'p> {
    project: &'p ProjectSeries,
    values: Vec<Arc<str>>,
    value: Value,
}

enum Value {
    /// Number of entries.
    Count(u64),
    /// Sum of what the entries add.
    Sum(u128),
    Histogram {
        value: HistogramValue<'static>,
        sum: u128,
        units: u64,
    },
}

impl<'p> Series<'p> {
    fn new(project: &'p ProjectSeries, key: SeriesKey) -> Self {
        let value = match (key.family, key.family.histogram()) {
            (_, Some(series)) => {
                let units = series.units_per_exposed_unit();
                let bounds = series.bounds().iter().map(|bound| *bound as f64 / units as f64);
                let bounds: Vec<_> = bounds.collect();
                let buckets = vec![0; bounds.len()];
                let (count, sum, created) = (0, SampleValue::Integer(0), NEVER);
                let value = HistogramValue { bounds, buckets, count, sum, created, native: None };
                Value::Histogram { value, sum: 0, units }
            }
            (Family::UploadedBytes | Family::UploadedSeconds, None) => Value::Sum(0),
            (_, None) => Value::Count(0),
        };
        Self { project, values: label_values(project, key), value }
    }

    /// Returns the number of lines of a sample.
    fn lines(&self) -> u64 {
        match &self.value {
            Value::Count(_) | Value::Sum(_) => 1,
            // The buckets, the one without a bound, the count and the sum.
            Value::Histogram { value, .. } => value.bounds.len() as u64 + 3,
        }
    }

    fn add(&mut self, cell: Cell) {
        match &mut self.value {
            Value::Count(count) => *count += cell.count,
            Value::Sum(sum) => *sum += cell.sum,
            Value::Histogram { value, sum, units } => {
                // Observations above the last bound are in no bucket.
                if let Some(bucket) = value.buckets.get_mut(usize::from(cell.key.bucket)) {
                    *bucket += cell.count;
                }
                value.count += cell.count;
                *sum += cell.sum;
                value.sum = match units {
                    1 => SampleValue::Integer(*sum),
                    units => SampleValue::Float(*sum as f64 / *units as f64),
                };
            }
        }
    }
}

/// Returns the label values of a series, `project` first.
fn label_values(project: &ProjectSeries, key: SeriesKey) -> Vec<Arc<str>> {
    let values = &project.values;
    let [first, second, third] = key.labels;
    let user = |number| {
        let shown = project.users.shown(&values.users().text(number).into());
        shown.expect("series by user exist only if names are shown")
    };
    let mut texts: Vec<Arc<str>> = vec![project.labels.project.as_str().into()];
    match key.family {
        Family::Transitions => texts.extend([
            values.statuses().text(first).into(),
            values.types().text(second).into(),
            values.pools().text(third).into(),
        ]),
        Family::UserTransitions => {
            texts.extend([user(first), values.statuses().text(second).into()]);
        }
        Family::UploadedBytes | Family::UploadedSeconds => {
            texts.extend([values.types().text(first).into(), values.pools().text(second).into()]);
        }
        Family::FileSize | Family::VideoDuration | Family::UploadDelay => {
            texts.push(values.types().text(first).into());
        }
    }
    texts
}

/// Writes text to the output in chunks.
struct Writer<'o, W> {
    output: &'o mut W,
    encoder: OpenMetricsEncoder,
    /// The current family.
    family: Option<Family>,
    written: Written,
}

impl<'o, W: Write> Writer<'o, W> {
    fn new(output: &'o mut W) -> Self {
        let encoder = OpenMetricsEncoder::new(false);
        Self { output, encoder, family: None, written: Written::default() }
    }

    /// Begins a series.
    fn begin(&mut self, family: Family) {
        if self.family.replace(family) != Some(family) {
            self.encoder.family(family.metric());
        }
        self.written.series += 1;
    }

    /// Writes a sample of a series.
    fn write(&mut self, series: &Series<'_>, sample: i64) -> io::Result<()> {
        let project = series.project;
        let values: Vec<_> = series.values.iter().map(|value| &**value).collect();
        let labels = Labels::of_project(&project.labels, &values);
        self.encoder.set_time(project.moments.time(sample));
        let counter = |value| CounterValue { value, created: NEVER, exemplar: None };
        match &series.value {
            Value::Count(count) => self.encoder.counter(labels, &counter((*count).into())),
            Value::Sum(sum) => self.encoder.counter(labels, &counter(SampleValue::Integer(*sum))),
            Value::Histogram { value, .. } => self.encoder.histogram(labels, value),
        }
        self.written.samples += series.lines();
        self.drain(CHUNK_BYTES)
    }

    fn drain(&mut self, min_bytes: usize) -> io::Result<()> {
        self.written.bytes += self.encoder.drain(min_bytes, self.output)? as u64;
        Ok(())
    }

    fn finish(mut self) -> io::Result<Written> {
        self.drain(0)?;
        self.output.write_all(OpenMetricsEncoder::END.as_bytes())?;
        self.output.flush()?;
        self.written.bytes += OpenMetricsEncoder::END.len() as u64;
        Ok(self.written)
    }
}
