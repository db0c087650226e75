//! Label values and numbers come out of the text format as they went in, by a small reader of it.

use proptest::prelude::*;
use screen_records_exporter::exposition::{Labels, Sink, TextEncoder, Value, catalog};

/// The values of the labels, and of the sample, in the last line.
fn read(text: &str) -> (Vec<String>, f64) {
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("# HELP ")));
    assert!(lines.next().is_some_and(|line| line.starts_with("# TYPE ")));
    let sample = text.splitn(3, '\n').nth(2).unwrap().strip_suffix('\n').unwrap();
    let mut rest =
        sample.strip_prefix(catalog::SCREEN_RECORDS.name).unwrap().strip_prefix('{').unwrap();
    let mut values = Vec::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        let mut value = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(match chars.next().unwrap() {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    other => panic!("\\{other} is not an escape"),
                }),
                c => {
                    assert_ne!(c, '\n', "a line ends within a label");
                    value.push(c);
                }
            }
        }
        values.push(value);
        match chars.as_str().split_at(1) {
            (",", more) => rest = more,
            ("}", number) => return (values, number.trim().parse().unwrap()),
            (other, _) => panic!("{other:?} after a label"),
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        3 => prop::sample::select(vec!['\\', '"', '\n', '\r', 'n', '{', '}', ',', '\0', '\u{2028}']),
        2 => any::<char>(),
    ];
    prop::collection::vec(char, 0..12).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_written_is_what_a_reader_of_the_format_finds(
        values in prop::collection::vec(text(), 4),
        number in any::<f64>(),
    ) {
        let mut encoder = TextEncoder::default();
        encoder.family(&catalog::SCREEN_RECORDS);
        let borrowed: Vec<_> = values.iter().map(String::as_str).collect();
        encoder.gauge(Labels::of(&borrowed), Value::Float(number));
        let (found, again) = read(std::str::from_utf8(&encoder.finish()).unwrap());
        prop_assert_eq!(found, values);
        prop_assert!(again == number || again.is_nan() && number.is_nan(), "{} {}", again, number);
    }
}
