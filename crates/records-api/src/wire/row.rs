//! One row of a page, parsed to a record or a rejection.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::scalar::{NotUnderstood, Scalar};
use crate::record::{
    Field, FieldSet, Record, RecordType, Rejection, RejectionReason, Row, Status, Text,
};

/// A row parsed from any JSON value.
#[derive(Debug)]
pub(super) struct WireRow<'a>(pub(super) Row<'a>);

impl<'de> Deserialize<'de> for WireRow<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowVisitor).map(WireRow)
    }
}

struct RowVisitor;

fn not_an_object<'a>() -> Row<'a> {
    Err(Rejection { reason: RejectionReason::NotAnObject, id: None })
}

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = object.next_key::<FieldName>()? {
            match name.0 {
                Some(field) => *fields.slot(field) = object.next_value()?,
                None => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields.into_row())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(not_an_object())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
}

/// The field with the name in the JSON object; `None` for an unknown name.
struct FieldName(Option<Field>);

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = FieldName;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a field")
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(FieldName(Field::from_name(name)))
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

/// The values of a row, by field.
#[derive(Default)]
struct Fields<'a> {
    scalars: [Scalar<'a>; Field::ALL.len()],
    odd: FieldSet,
}

impl<'a> Fields<'a> {
    fn slot(&mut self, field: Field) -> &mut Scalar<'a> {
        &mut self.scalars[field as usize]
    }

    /// Converts the value of a field. If it cannot be converted, the field is absent and marked as
    /// odd.
    fn take<T: Default>(
        &mut self,
        field: Field,
        read: impl FnOnce(Scalar<'a>) -> Result<T, NotUnderstood>,
    ) -> T {
        let scalar = std::mem::take(self.slot(field));
        read(scalar).unwrap_or_else(|NotUnderstood| {
            self.odd.insert(field);
            T::default()
        })
    }

    fn text(&mut self, field: Field) -> Text<'a> {
        self.take(field, Scalar::into_text)
    }

    fn into_row(mut self) -> Row<'a> {
        let id: Option<Cow<'a, str>> = self.text(Field::Id);
        let Some(id) = id else {
            return Err(Rejection { reason: RejectionReason::NoId, id: None });
        };
        let Some(start_time) = self.take(Field::StartTime, Scalar::into_time) else {
            return Err(Rejection { reason: RejectionReason::NoStartTime, id: Some(id) });
        };
        let mut record = Record {
            id,
            start_time,
            desktop_id: self.text(Field::DesktopId),
            desktop_name: self.text(Field::DesktopName),
            desktop_pool_id: self.text(Field::DesktopPoolId),
            username: self.text(Field::Username),
            size: self.take(Field::Size, Scalar::into_bytes),
            record_type: self.take(Field::Type, |scalar| scalar.into_term(RecordType::parse)),
            status: self.take(Field::Status, |scalar| scalar.into_term(Status::parse)),
            policy_id: self.text(Field::PolicyId),
            obs_bucket: self.text(Field::ObsBucket),
            file_directory: self.text(Field::FileDirectory),
            video_filename: self.text(Field::VideoFilename),
            video_file_sha256: self.text(Field::VideoFileSha256),
            event_filename: self.text(Field::EventFilename),
            event_file_sha256: self.text(Field::EventFileSha256),
            end_time: self.take(Field::EndTime, Scalar::into_time),
            update_time: self.take(Field::UpdateTime, Scalar::into_time),
            duration: self.take(Field::Duration, Scalar::into_seconds),
            upload_type: self.text(Field::UploadType),
            site_type: self.text(Field::SiteType),
            odd: FieldSet::default(),
        };
        record.odd = self.odd;
        Ok(record)
    }
}
