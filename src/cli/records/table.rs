//! Aligned columns for people.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::listing::Value;

/// Rows of a table. Columns are as wide as their widest value so far, because later rows are not known
/// yet.
pub(super) struct Table<W> {
    output: W,
    /// Rows that are not written yet. The first one is the header.
    rows: Vec<Vec<Cell>>,
    widths: Vec<usize>,
}

struct Cell {
    text: String,
    is_number: bool,
}

/// Number of rows that are aligned together.
const MAX_ROWS: usize = 1000;

impl<W: Write> Table<W> {
    pub(super) fn new(output: W, columns: &[&str]) -> Self {
        let header = |name: &&str| Cell { text: (*name).to_owned(), is_number: false };
        let rows = vec![columns.iter().map(header).collect()];
        Self { output, rows, widths: vec![0; columns.len()] }
    }

    pub(super) fn row<'a>(
        &mut self,
        values: impl IntoIterator<Item = Value<'a>>,
    ) -> io::Result<()> {
        self.rows.push(values.into_iter().map(cell).collect());
        if self.rows.len() < MAX_ROWS { Ok(()) } else { self.write_rows() }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.write_rows()?;
        self.output.flush()
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        for row in rows {
            let mut line = String::new();
            for (width, cell) in self.widths.iter().zip(&row) {
                let padding = " ".repeat(width - cell.text.width());
                let (before, after) = if cell.is_number {
                    (padding, String::new())
                } else {
                    (String::new(), padding)
                };
                line.extend([&before, &cell.text, &after, "  "]);
            }
            writeln!(self.output, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cell(value: Value<'_>) -> Cell {
    let (text, is_number) = match value {
        Value::Text(text) => (printable(text), false),
        Value::Plain(text) => (text.into_owned(), false),
        Value::Number(number) => (number.to_string(), true),
        Value::Absent => ("-".to_owned(), false),
    };
    Cell { text, is_number }
}

/// Replaces characters that would change the terminal or the direction of the text.
fn printable(text: &str) -> String {
    let is_hidden =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_the_width_of_their_characters() {
        let mut output = Vec::new();
        let mut table = Table::new(&mut output, &["user", "size"]);
        table.row([Value::Text("用户\u{1b}"), Value::Number(5)]).unwrap();
        table.row([Value::Absent, Value::Number(1234)]).unwrap();
        table.flush().unwrap();
        drop(table);
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text, "user   size\n用户\u{fffd}     5\n-      1234\n");
    }
}
