//! One record as a row of a list: the project, then the 21 fields under their API names.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use records_api::record::{Field, Record, RecordType, Status, Term, Text, Timestamp};

/// A record with the name of its project. Its JSON is an object with numbers as numbers and missing
/// values as null.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Name of the project.
    pub project: &'a str,
    /// The record.
    pub record: &'a Record<'a>,
}

/// Value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text from the API. Times and codes are written by the exporter and are [`Value::Plain`].
    Text(&'a str),
    /// A time or a code.
    Plain(Cow<'static, str>),
    /// A number.
    Number(u64),
    /// The value is missing.
    Absent,
}

/// Names of all columns.
pub fn columns() -> impl Iterator<Item = &'static str> {
    std::iter::once("project").chain(Field::ALL.into_iter().map(|(_, name)| name))
}

impl<'a> Row<'a> {
    /// Returns the values in the order of [`columns`].
    pub fn values(self) -> impl Iterator<Item = Value<'a>> {
        let fields = Field::ALL.into_iter().map(move |(field, _)| value(self.record, field));
        std::iter::once(Value::Text(self.project)).chain(fields)
    }
}

impl Row<'_> {
    /// Returns a field as text; `None` if it is missing.
    pub fn text(self, field: Field) -> Option<String> {
        match value(self.record, field) {
            Value::Text(text) => Some(text.to_owned()),
            Value::Plain(text) => Some(text.into_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::Absent => None,
        }
    }
}

/// Returns the value of a field.
fn value<'a>(record: &'a Record<'_>, field: Field) -> Value<'a> {
    let text = |text: &'a Text<'_>| text.as_deref().map_or(Value::Absent, Value::Text);
    let time = |time: Option<Timestamp>| {
        time.map_or(Value::Absent, |time| Value::Plain(time.to_rfc3339().into()))
    };
    let number = |number: Option<u64>| number.map_or(Value::Absent, Value::Number);
    match field {
        Field::Id => Value::Text(&record.id),
        Field::DesktopId => text(&record.desktop_id),
        Field::DesktopName => text(&record.desktop_name),
        Field::DesktopPoolId => text(&record.desktop_pool_id),
        Field::Username => text(&record.username),
        Field::Size => number(record.size),
        Field::Type => term(&record.record_type, RecordType::code),
        Field::Status => term(&record.status, Status::code),
        Field::PolicyId => text(&record.policy_id),
        Field::ObsBucket => text(&record.obs_bucket),
        Field::FileDirectory => text(&record.file_directory),
        Field::VideoFilename => text(&record.video_filename),
        Field::VideoFileSha256 => text(&record.video_file_sha256),
        Field::EventFilename => text(&record.event_filename),
        Field::EventFileSha256 => text(&record.event_file_sha256),
        Field::StartTime => time(Some(record.start_time)),
        Field::EndTime => time(record.end_time),
        Field::UpdateTime => time(record.update_time),
        Field::Duration => number(record.duration.map(u64::from)),
        Field::UploadType => text(&record.upload_type),
        Field::SiteType => text(&record.site_type),
    }
}

fn term<'a, T: Copy>(term: &'a Term<'_, T>, code: fn(T) -> &'static str) -> Value<'a> {
    match term {
        Term::Known(known) => Value::Plain(code(*known).into()),
        Term::Unknown(text) => Value::Text(text),
        Term::Absent => Value::Absent,
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Field::ALL.len() + 1))?;
        for (name, value) in columns().zip(self.values()) {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Absent => serializer.serialize_none(),
        }
    }
}
