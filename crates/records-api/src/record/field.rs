//! The 21 fields of a record under their API names.

use serde::{Deserialize, Serialize};

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "named like the fields of the API, which Record documents")]
pub enum Field {
    Id,
    DesktopId,
    DesktopName,
    DesktopPoolId,
    Username,
    Size,
    Type,
    Status,
    PolicyId,
    ObsBucket,
    FileDirectory,
    VideoFilename,
    VideoFileSha256,
    EventFilename,
    EventFileSha256,
    StartTime,
    EndTime,
    UpdateTime,
    Duration,
    UploadType,
    SiteType,
}

impl Field {
    /// All fields with their API names, in the order of the enum.
    pub const ALL: [(Self, &'static str); 21] = [
        (Self::Id, "id"),
        (Self::DesktopId, "desktop_id"),
        (Self::DesktopName, "desktop_name"),
        (Self::DesktopPoolId, "desktop_pool_id"),
        (Self::Username, "username"),
        (Self::Size, "size"),
        (Self::Type, "type"),
        (Self::Status, "status"),
        (Self::PolicyId, "policy_id"),
        (Self::ObsBucket, "obs_bucket"),
        (Self::FileDirectory, "file_directory"),
        (Self::VideoFilename, "video_filename"),
        (Self::VideoFileSha256, "video_file_sha256"),
        (Self::EventFilename, "event_filename"),
        (Self::EventFileSha256, "event_file_sha256"),
        (Self::StartTime, "start_time"),
        (Self::EndTime, "end_time"),
        (Self::UpdateTime, "update_time"),
        (Self::Duration, "duration"),
        (Self::UploadType, "upload_type"),
        (Self::SiteType, "site_type"),
    ];

    /// Returns the field with this API name, `None` for other names.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(field, _)| *field)
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FieldSet(u32);

impl FieldSet {
    /// Adds a field.
    pub fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u8;
    }

    /// True if the set has no fields.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the API names of the fields, in the order of the enum.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Field::ALL
            .into_iter()
            .filter(move |(field, _)| self.0 & (1 << *field as u8) != 0)
            .map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_every_field_once_in_order() {
        for (position, (field, name)) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, position, "{name}");
            assert_eq!(Field::from_name(name), Some(field));
        }
        assert_eq!(Field::from_name("Id"), None);
    }

    #[test]
    fn a_set_names_the_fields_that_were_inserted() {
        let mut set = FieldSet::default();
        assert!(set.is_empty());
        set.insert(Field::SiteType);
        set.insert(Field::Size);
        set.insert(Field::Size);
        assert_eq!(set.names().collect::<Vec<_>>(), ["size", "site_type"]);
    }
}
