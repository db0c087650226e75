//! Comma-separated values as in RFC 4180, which spreadsheets open.

use std::io::{self, Write};

use super::row::Value;
use crate::csv_text::{self, guarded};

/// Writes rows of values.
pub struct CsvWriter<W: Write> {
    writer: csv::Writer<W>,
    is_raw: bool,
}

impl<W: Write> CsvWriter<W> {
    /// Creates a writer. Unless `is_raw`, texts that look like formulas are prefixed.
    pub fn new(output: W, is_raw: bool) -> Self {
        Self { writer: csv_text::writer(output), is_raw }
    }

    /// Writes the header.
    ///
    /// # Errors
    ///
    /// The output's error.
    pub fn header(&mut self, columns: impl IntoIterator<Item = &'static str>) -> io::Result<()> {
        Ok(self.writer.write_record(columns)?)
    }

    /// Writes a row.
    ///
    /// # Errors
    ///
    /// The output's error.
    pub fn row<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) -> io::Result<()> {
        for value in values {
            match value {
                Value::Text(text) if self.is_raw => self.writer.write_field(text)?,
                Value::Text(text) => self.writer.write_field(&*guarded(text))?,
                Value::Plain(text) => self.writer.write_field(&*text)?,
                Value::Number(number) => self.writer.write_field(number.to_string())?,
                Value::Absent => self.writer.write_field("")?,
            }
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// The output's error.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(texts: &[String], is_raw: bool) -> String {
        let mut output = Vec::new();
        let mut writer = CsvWriter::new(&mut output, is_raw);
        writer.row(texts.iter().map(|text| Value::Text(text))).unwrap();
        writer.flush().unwrap();
        drop(writer);
        String::from_utf8(output).unwrap()
    }

    fn parsed(text: &str) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    }

    #[test]
    fn rows_end_with_crlf_and_quote_only_what_needs_it() {
        let texts = ["a", "b c", "d,e", "f\"g", "h\ni", ""].map(str::to_owned);
        assert_eq!(written(&texts, false), "a,b c,\"d,e\",\"f\"\"g\",\"h\ni\",\r\n");
    }

    proptest! {
        #[test]
        fn a_guarded_text_is_not_a_formula_and_loses_nothing(
            text in "[=+@\t\r\n'\",;a\u{7528}\u{1f600}-]{0,6}|\\PC{0,12}",
        ) {
            let guarded = guarded(&text);
            prop_assert!(!guarded.starts_with(['=', '+', '-', '@', '\t', '\r']));
            let is_prefixed = guarded.len() != text.len();
            prop_assert_eq!(&guarded[usize::from(is_prefixed)..], &text);
            prop_assert_eq!(is_prefixed, text.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }

        #[test]
        fn a_parser_reads_what_was_written(
            texts in proptest::collection::vec("[=+@\t\r\n'\",;a\u{7528}-]{0,6}", 2..6),
        ) {
            prop_assert_eq!(parsed(&written(&texts, true)), vec![texts.clone()]);
            let expected: Vec<_> = texts.iter().map(|text| guarded(text).into_owned()).collect();
            prop_assert_eq!(parsed(&written(&texts, false)), vec![expected]);
        }
    }
}
