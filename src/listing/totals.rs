//! Sums of a list by status, pool and bucket.

use std::collections::BTreeMap;

use serde::Serialize;

use super::row::{Row, Value};
use super::selection::NONE;
use records_api::record::{Field, Record};

/// Records, bytes and hours by project, status, pool and bucket.
#[derive(Debug, Default)]
pub struct RecordTotals(BTreeMap<[String; 4], Sums>);

/// Sums of some records.
#[derive(Debug, Default)]
struct Sums {
    records: u64,
    bytes: u128,
    seconds: u64,
}

/// A row of the totals.
#[derive(Debug, Serialize)]
pub struct TotalsRow<'a> {
    /// Name of the project.
    pub project: &'a str,
    /// Status; `_none` if it is missing, as in pool and bucket.
    pub status: &'a str,
    /// ID of the pool.
    pub pool: &'a str,
    /// The OBS bucket.
    pub bucket: &'a str,
    /// Number of records.
    pub records: u64,
    /// Total size of the files.
    pub bytes: u128,
    /// Total length of the videos.
    pub hours: f64,
}

impl RecordTotals {
    /// Names of the columns.
    pub const COLUMNS: [&'static str; 7] =
        ["project", "status", "pool", "bucket", "records", "bytes", "hours"];

    /// Adds a record.
    pub fn add(&mut self, project: &str, record: &Record<'_>) {
        let row = Row { project, record };
        let text = |field| row.text(field).unwrap_or_else(|| NONE.to_owned());
        let key = [
            project.to_owned(),
            text(Field::Status),
            text(Field::DesktopPoolId),
            text(Field::ObsBucket),
        ];
        let sums = self.0.entry(key).or_default();
        sums.records += 1;
        sums.bytes += u128::from(record.size.unwrap_or(0));
        sums.seconds += record.duration.map_or(0, u64::from);
    }

    /// Returns the rows, sorted.
    pub fn rows(&self) -> impl Iterator<Item = TotalsRow<'_>> {
        self.0.iter().map(|([project, status, pool, bucket], sums)| TotalsRow {
            project,
            status,
            pool,
            bucket,
            records: sums.records,
            bytes: sums.bytes,
            hours: hours(sums.seconds),
        })
    }
}

impl<'a> TotalsRow<'a> {
    /// Returns the values in the order of [`RecordTotals::COLUMNS`].
    pub fn values(&self) -> [Value<'a>; 7] {
        [
            Value::Text(self.project),
            Value::Text(self.status),
            Value::Text(self.pool),
            Value::Text(self.bucket),
            Value::Number(self.records),
            Value::Plain(self.bytes.to_string().into()),
            Value::Plain(self.hours.to_string().into()),
        ]
    }
}

/// Returns seconds as hours with three digits after the point.
fn hours(seconds: u64) -> f64 {
    (seconds as f64 / 3.6).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use records_api::record::{Status, Term, Timestamp};

    #[test]
    fn records_are_added_up_by_status_pool_and_bucket() {
        let mut totals = RecordTotals::default();
        let mut record = Record::new("a", Timestamp::from_millis(1_700_000_000_000));
        (record.size, record.duration) = (Some(u64::MAX - 1), Some(1800));
        record.status = Term::Known(Status::Uploading);
        totals.add("p", &record);
        totals.add("p", &record);
        record.obs_bucket = Some("b".into());
        (record.size, record.duration) = (None, None);
        totals.add("p", &record);
        let rows: Vec<_> = totals.rows().map(|row| serde_json::to_string(&row).unwrap()).collect();
        assert_eq!(
            rows,
            [
                r#"{"project":"p","status":"UPLOADING","pool":"_none","bucket":"_none","records":2,"bytes":36893488147419103228,"hours":1.0}"#,
                r#"{"project":"p","status":"UPLOADING","pool":"_none","bucket":"b","records":1,"bytes":0,"hours":0.0}"#,
            ]
        );
    }
}
