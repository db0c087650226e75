//! CSV as spreadsheets read it: RFC 4180, and no text is taken for a formula.

use std::borrow::Cow;
use std::io::Write;

/// Creates a writer of CSV whose lines end as in RFC 4180.
pub fn writer<W: Write>(output: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(output)
}

/// Returns a text with `'` in front if a spreadsheet would take it for a formula.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_begin_like_a_formula_are_prefixed() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "="] {
            assert_eq!(guarded(text), format!("'{text}"));
        }
        for text in ["", "a=b", "'=1", " =1", "\n=1", "用户", "1-1"] {
            assert_eq!(guarded(text), text);
        }
    }

    #[test]
    fn lines_end_and_quotes_double_as_in_rfc_4180() {
        let mut writer = writer(Vec::new());
        writer.write_record(["a", "b,\"c\"", "d\ne", "f\rg", ""]).unwrap();
        writer.write_record(["1", "2", "3", "4", "5"]).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        assert_eq!(text, "a,\"b,\"\"c\"\"\",\"d\ne\",\"f\rg\",\r\n1,2,3,4,5\r\n");
    }
}
