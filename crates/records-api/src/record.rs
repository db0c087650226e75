//! The domain: what a screen recording is, valid by construction.
//!
//! A [`Record`] borrows its text from the page that it was read from. It knows nothing of HTTP,
//! metrics or config. Source of every field: the records API, `GET /v2/{project_id}/screen-records`.

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

/// Text of the API: absent when the field was missing, null, empty or not a scalar.
pub type Text<'a> = Option<Cow<'a, str>>;

/// One screen recording, which is one video file: all 21 fields of the API.
///
/// Only `id` and `start_time` are certain; a row without them is a [`Rejection`].
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    /// Primary key. Opaque, never empty.
    pub id: Cow<'a, str>,
    /// The desktop that was recorded.
    pub desktop_id: Text<'a>,
    /// Its name.
    pub desktop_name: Text<'a>,
    /// The desktop pool; absent for a desktop outside pools.
    pub desktop_pool_id: Text<'a>,
    /// The user who was recorded.
    pub username: Text<'a>,
    /// Size of the video file in bytes. May exceed 2^31.
    pub size: Option<u64>,
    /// What made the desktop record.
    pub record_type: Term<'a, RecordType>,
    /// Where the recording stands.
    pub status: Term<'a, Status>,
    /// The recording policy.
    pub policy_id: Text<'a>,
    /// Bucket that the file goes to.
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
    /// When the recording began.
    pub start_time: Timestamp,
    /// When it ended; absent while it goes on.
    pub end_time: Option<Timestamp>,
    /// When the record last changed.
    pub update_time: Option<Timestamp>,
    /// Length of the video in seconds. 2^32 of them are 136 years.
    pub duration: Option<u32>,
    /// Undocumented by the API; free text.
    pub upload_type: Text<'a>,
    /// Undocumented by the API; free text.
    pub site_type: Text<'a>,
    /// Fields that had a value which could not be understood and so count as absent.
    pub odd: FieldSet,
}

impl<'a> Record<'a> {
    /// A record of which nothing is known but what must be.
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
    /// Why.
    pub reason: RejectionReason,
    /// The row's id, if it has one.
    pub id: Option<Cow<'a, str>>,
}

/// Why a row was rejected.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum RejectionReason {
    /// The row is no JSON object.
    NotAnObject,
    /// It has no id.
    NoId,
    /// It has no `start_time`, or one that cannot be read.
    NoStartTime,
}

impl RejectionReason {
    /// Every reason, in the order of the metric's label values.
    pub const ALL: [Self; 3] = [Self::NoId, Self::NoStartTime, Self::NotAnObject];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::NoId => "no_id",
            Self::NoStartTime => "no_start_time",
        }
    }
}

/// One row of a page.
pub type Row<'a> = Result<Record<'a>, Rejection<'a>>;
