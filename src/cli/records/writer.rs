//! Writes a list in one of the formats.

use std::io::{self, BufWriter, Write};

use super::table::Table;
use crate::cli::records_flags::Format;
use crate::listing::{CsvWriter, RecordTotals, Row, Value, columns};

/// Place that a list is written to.
type Output = Box<dyn Write + Send>;

/// Columns of a table, in this order. CSV and JSON have all fields.
const TABLE_COLUMNS: [&str; 10] = [
    "start_time",
    "status",
    "type",
    "project",
    "desktop_pool_id",
    "desktop_name",
    "username",
    "duration",
    "size",
    "id",
];

/// Writes rows in a format.
pub(super) enum RowWriter {
    Csv(Box<CsvWriter<BufWriter<Output>>>),
    JsonLines(BufWriter<Output>),
    Table(Table<BufWriter<Output>>),
}

impl RowWriter {
    /// Creates a writer of records, or of totals.
    pub(super) fn new(
        output: Output,
        format: Format,
        is_raw: bool,
        is_summary: bool,
    ) -> io::Result<Self> {
        let output = BufWriter::new(output);
        Ok(match format {
            Format::Csv => {
                let mut writer = CsvWriter::new(output, is_raw);
                if is_summary {
                    writer.header(RecordTotals::COLUMNS)?;
                } else {
                    writer.header(columns())?;
                }
                Self::Csv(Box::new(writer))
            }
            Format::Jsonl => Self::JsonLines(output),
            Format::Table if is_summary => Self::Table(Table::new(output, &RecordTotals::COLUMNS)),
            Format::Table => Self::Table(Table::new(output, &TABLE_COLUMNS)),
        })
    }

    pub(super) fn record(&mut self, row: Row<'_>) -> io::Result<()> {
        match self {
            Self::Csv(writer) => writer.row(row.values()),
            Self::JsonLines(output) => json_line(output, &row),
            Self::Table(table) => {
                let values: Vec<_> = columns().zip(row.values()).collect();
                let value = |column: &str| {
                    let value = values.iter().find(|(name, _)| *name == column);
                    value.map_or(Value::Absent, |(_, value)| value.clone())
                };
                table.row(TABLE_COLUMNS.map(value))
            }
        }
    }

    pub(super) fn totals(&mut self, totals: &RecordTotals) -> io::Result<()> {
        for row in totals.rows() {
            match self {
                Self::Csv(writer) => writer.row(row.values())?,
                Self::JsonLines(output) => json_line(output, &row)?,
                Self::Table(table) => table.row(row.values())?,
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(writer) => writer.flush(),
            Self::JsonLines(output) => output.flush(),
            Self::Table(table) => table.flush(),
        }
    }
}

fn json_line(output: &mut impl Write, row: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *output, row)?;
    output.write_all(b"\n")
}
