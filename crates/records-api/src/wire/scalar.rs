//! A JSON value of any type in a place where the API documents a scalar.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::record::{Record, Term, Text, Timestamp};

/// A JSON value before its conversion.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Scalar<'a> {
    /// Missing or null.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Integer(i128),
    Float(f64),
    /// A boolean, a list or an object, which the API documents for no field.
    Odd,
}

/// The value cannot be converted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

impl<'a> Scalar<'a> {
    /// Converts to free text: `None` if empty, otherwise unchanged, because a name may begin with a
    /// space.
    ///
    /// Whole numbers keep their digits. Fractions and numbers beyond 64 bits are refused: the
    /// parser has rounded them, so that as ids they would turn several records into one.
    pub(super) fn into_text(self) -> Result<Text<'a>, NotUnderstood> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok((!text.is_empty()).then_some(text)),
            Self::Integer(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Self::Float(_) | Self::Odd => Err(NotUnderstood),
        }
    }

    /// Converts to a count: a whole number, 0 or more. Like the official SDK, drops fractions.
    pub(super) fn into_count(self) -> Result<Option<u64>, NotUnderstood> {
        match self {
            Self::Absent => Ok(None),
            Self::Integer(number) => u64::try_from(number).map(Some).map_err(|_| NotUnderstood),
            Self::Float(number) => count_from_float(number).map(Some),
            Self::Text(text) => {
                let text = text.trim();
                if text.is_empty() {
                    return Ok(None);
                }
                if let Ok(number) = text.parse() {
                    return Ok(Some(number));
                }
                let number: f64 = text.parse().map_err(|_| NotUnderstood)?;
                count_from_float(number).map(Some)
            }
            Self::Odd => Err(NotUnderstood),
        }
    }

    /// Converts to a size in bytes, up to [`Record::MAX_SIZE_BYTES`].
    pub(super) fn into_bytes(self) -> Result<Option<u64>, NotUnderstood> {
        let size = self.into_count()?;
        if size > Some(Record::MAX_SIZE_BYTES) { Err(NotUnderstood) } else { Ok(size) }
    }

    /// Converts to a duration in seconds, up to [`Record::MAX_DURATION_SECONDS`].
    pub(super) fn into_seconds(self) -> Result<Option<u32>, NotUnderstood> {
        let seconds =
            self.into_count()?.map(u32::try_from).transpose().map_err(|_| NotUnderstood)?;
        if seconds > Some(Record::MAX_DURATION_SECONDS) { Err(NotUnderstood) } else { Ok(seconds) }
    }

    /// Converts to a point in time.
    pub(super) fn into_time(self) -> Result<Option<Timestamp>, NotUnderstood> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) if text.trim().is_empty() => Ok(None),
            Self::Text(text) => Timestamp::parse(&text).map(Some).ok_or(NotUnderstood),
            Self::Integer(millis) => i64::try_from(millis)
                .ok()
                .and_then(Timestamp::from_plausible_millis)
                .map(Some)
                .ok_or(NotUnderstood),
            Self::Float(_) | Self::Odd => Err(NotUnderstood),
        }
    }

    /// Converts to a value of a vocabulary.
    pub(super) fn into_term<T>(
        self,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Term<'a, T>, NotUnderstood> {
        Ok(match self.into_text()? {
            None => Term::Absent,
            Some(text) => parse(&text).map_or_else(|| Term::Unknown(text), Term::Known),
        })
    }
}

fn count_from_float(number: f64) -> Result<u64, NotUnderstood> {
    // A larger number cannot be a size or a duration.
    if (0.0..9.2e18).contains(&number) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range checked"
        )]
        return Ok(number as u64);
    }
    Err(NotUnderstood)
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Odd)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Odd)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Odd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(json: &str) -> Scalar<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn counts_are_converted_from_numbers_and_texts() {
        let cases = [
            ("546", Ok(Some(546))),
            ("\"546\"", Ok(Some(546))),
            ("546.9", Ok(Some(546))),
            ("\"546.9\"", Ok(Some(546))),
            ("5368709120", Ok(Some(5_368_709_120))),
            ("0", Ok(Some(0))),
            ("null", Ok(None)),
            ("\" \"", Ok(None)),
            ("-1", Err(NotUnderstood)),
            ("\"12 MB\"", Err(NotUnderstood)),
            ("\"NaN\"", Err(NotUnderstood)),
            ("1e300", Err(NotUnderstood)),
            ("true", Err(NotUnderstood)),
            ("[1]", Err(NotUnderstood)),
        ];
        for (json, count) in cases {
            assert_eq!(scalar(json).into_count(), count, "{json}");
        }
    }

    #[test]
    fn a_duration_of_more_than_four_years_is_refused() {
        assert_eq!(scalar("3600").into_seconds(), Ok(Some(3600)));
        assert_eq!(scalar("134217726").into_seconds(), Ok(Some(134_217_726)));
        assert_eq!(scalar("134217727").into_seconds(), Err(NotUnderstood));
        assert_eq!(scalar("4294967296").into_seconds(), Err(NotUnderstood));
        assert_eq!(scalar("null").into_seconds(), Ok(None));
    }

    #[test]
    fn texts_are_unchanged_and_whole_numbers_become_texts() {
        let cases = [
            ("\" pc 1\\n\"", Ok(Some(" pc 1\n"))),
            ("\"\"", Ok(None)),
            ("null", Ok(None)),
            ("17", Ok(Some("17"))),
            ("{\"a\":[1,{}]}", Err(NotUnderstood)),
        ];
        for (json, text) in cases {
            assert_eq!(
                scalar(json).into_text(),
                text.map(|text| text.map(Cow::Borrowed)),
                "{json}"
            );
        }
    }

    #[test]
    fn times_are_converted_from_texts_and_from_milliseconds() {
        let time = Timestamp::from_millis(1_710_244_921_000);
        let cases = [
            ("\"2024-03-12 12:02:01\"", Ok(Some(time))),
            ("1710244921000", Ok(Some(time))),
            ("\"1710244921000\"", Ok(Some(time))),
            ("\"\"", Ok(None)),
            ("null", Ok(None)),
            ("1710244921", Err(NotUnderstood)),
            ("\"yesterday\"", Err(NotUnderstood)),
            ("1.5", Err(NotUnderstood)),
        ];
        for (json, expected) in cases {
            assert_eq!(scalar(json).into_time(), expected, "{json}");
        }
    }
}
