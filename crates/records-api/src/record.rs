//! Screen recordings as typed values, valid by construction.
//!
//! A [`Record`] borrows its texts from the page that it was parsed from. Nothing here depends on
//! HTTP, metrics or config. Source of all fields: `GET /v2/{project_id}/screen-records`.

mod field;
mod key;
mod term;
mod time;
mod time_range;

pub use field::{Field, FieldSet};
pub use key::RecordKey;
pub use term::{RecordType, Status, Term};
pub use time::Timestamp;
pub use time_range::TimeRange;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A text field; `None` if it is missing, null, empty or not a scalar.
pub type Text<'a> = Option<Cow<'a, str>>;

/// One screen recording, which is one video file, with all 21 fields of the API.
///
/// Only `id` and `start_time` are always present; a row without them is a [`Rejection`]. A list keeps
/// records in their serialized form, which is several times smaller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record<'a> {
    /// Primary key; opaque and never empty.
    pub id: Cow<'a, str>,
    /// ID of the desktop that was recorded.
    pub desktop_id: Text<'a>,
    /// Name of that desktop.
    pub desktop_name: Text<'a>,
    /// ID of the desktop pool; absent if the desktop belongs to none.
    pub desktop_pool_id: Text<'a>,
    /// Name of the user who was recorded.
    pub username: Text<'a>,
    /// Size of the video file in bytes; may exceed 2^31. At most [`Self::MAX_SIZE_BYTES`].
    pub size: Option<u64>,
    /// Trigger of the recording; `type` in the API.
    pub record_type: Term<'a, RecordType>,
    /// State of the recording and of its upload.
    pub status: Term<'a, Status>,
    /// ID of the recording policy.
    pub policy_id: Text<'a>,
    /// OBS bucket that the file is uploaded to.
    pub obs_bucket: Text<'a>,
    /// Folder in the bucket.
    pub file_directory: Text<'a>,
    /// Name of the video file.
    pub video_filename: Text<'a>,
    /// SHA-256 of the video file.
    pub video_file_sha256: Text<'a>,
    /// Name of the event file.
    pub event_filename: Text<'a>,
    /// SHA-256 of the event file.
    pub event_file_sha256: Text<'a>,
    /// Start of the recording.
    pub start_time: Timestamp,
    /// End of the recording; absent while it is running.
    pub end_time: Option<Timestamp>,
    /// Time of the last change of the record.
    pub update_time: Option<Timestamp>,
    /// Length of the video in seconds. At most [`Self::MAX_DURATION_SECONDS`].
    pub duration: Option<u32>,
    /// Free text whose meaning the API does not document.
    pub upload_type: Text<'a>,
    /// Free text whose meaning the API does not document.
    pub site_type: Text<'a>,
    /// Fields whose value could not be parsed; they count as absent.
    pub odd: FieldSet,
}

impl<'a> Record<'a> {
    /// Largest size. A store can use the number after it for an unknown size.
    pub const MAX_SIZE_BYTES: u64 = u64::MAX - 1;
    /// Longest duration, four years. A store can keep a duration in 27 bits, with one value left for
    /// an unknown duration.
    pub const MAX_DURATION_SECONDS: u32 = (1 << 27) - 2;

    /// Returns a record with the two required fields, all others absent.
    pub fn new(id: impl Into<Cow<'a, str>>, start_time: Timestamp) -> Self {
        Self {
            id: id.into(),
            desktop_id: None,
            desktop_name: None,
            desktop_pool_id: None,
            username: None,
            size: None,
            record_type: Term::Absent,
            status: Term::Absent,
            policy_id: None,
            obs_bucket: None,
            file_directory: None,
            video_filename: None,
            video_file_sha256: None,
            event_filename: None,
            event_file_sha256: None,
            start_time,
            end_time: None,
            update_time: None,
            duration: None,
            upload_type: None,
            site_type: None,
            odd: FieldSet::default(),
        }
    }
}

/// A row that cannot become a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection<'a> {
    /// Reason for the rejection.
    pub reason: RejectionReason,
    /// ID of the row, if it has one.
    pub id: Option<Cow<'a, str>>,
}

/// The reason why a row was rejected.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum RejectionReason {
    /// The row is not a JSON object.
    NotAnObject,
    /// The row has no `id`.
    NoId,
    /// The row has no `start_time`, or one that cannot be parsed.
    NoStartTime,
}

impl RejectionReason {
    /// All reasons, in the order of the metric's label values.
    pub const ALL: [Self; 3] = [Self::NoId, Self::NoStartTime, Self::NotAnObject];

    /// Returns the value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::NoId => "no_id",
            Self::NoStartTime => "no_start_time",
        }
    }
}

/// One row of a page: a record, or the reason why it is not one.
pub type Row<'a> = Result<Record<'a>, Rejection<'a>>;
