//! A record as the simulated service stores it: numbers and references, no text.
//!
//! Rows take names from the [`Directory`](super::directory::Directory), and derive hashes and file
//! names from the id. A million records need well under 200 MB.

/// The `status` of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Being recorded. Nothing is known of its file yet.
    Recording,
    /// Recorded, waiting for the upload.
    RecCompleted,
    /// The recording failed.
    RecFailed,
    /// Being uploaded to the bucket.
    Uploading,
    /// In the bucket.
    UploadCompleted,
    /// The upload failed. Some are retried later.
    UploadFailed,
    /// `ARCHIVED`, an undocumented value.
    Unknown,
    /// The row has no status.
    Missing,
}

impl Status {
    /// Every status, in the order of their discriminants.
    pub const ALL: [Self; 8] = [
        Self::Recording,
        Self::RecCompleted,
        Self::RecFailed,
        Self::Uploading,
        Self::UploadCompleted,
        Self::UploadFailed,
        Self::Unknown,
        Self::Missing,
    ];

    /// The documented constant, or `_none` if the row has no status.
    pub fn code(self) -> &'static str {
        match self {
            Self::Recording => "RECORDING",
            Self::RecCompleted => "REC_COMPLETED",
            Self::RecFailed => "REC_FAILED",
            Self::Uploading => "UPLOADING",
            Self::UploadCompleted => "UPLOAD_COMPLETED",
            Self::UploadFailed => "UPLOAD_FAILED",
            Self::Unknown => "ARCHIVED",
            Self::Missing => "_none",
        }
    }

    /// Reports whether the record will change by itself.
    pub fn in_flight(self) -> bool {
        matches!(self, Self::Recording | Self::RecCompleted | Self::Uploading)
    }

    /// Reports whether the record has a video file.
    pub(crate) fn has_file(self) -> bool {
        !matches!(self, Self::Recording | Self::RecFailed)
    }

    /// Returns the status with a documented constant.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL[..6].iter().copied().find(|status| status.code() == code)
    }
}

/// The `type` of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Continuous.
    Full,
    /// Interval-based.
    Interval,
    /// Triggered by a user operation.
    Operation,
    /// For the whole session.
    Session,
    /// `AUDIO`, an undocumented value.
    Unknown,
    /// The row has no type.
    Missing,
}

impl Kind {
    /// Every type, in the order of their discriminants.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Interval, Self::Operation, Self::Session, Self::Unknown, Self::Missing];

    /// The documented constant, or `_none` if the row has no type.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Interval => "INTERVAL",
            Self::Operation => "OPERATION",
            Self::Session => "SESSION",
            Self::Unknown => "AUDIO",
            Self::Missing => "_none",
        }
    }

    /// Returns the type with a documented constant.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL[..4].iter().copied().find(|kind| kind.code() == code)
    }
}

/// One record. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The id. Rows show it as 32 hex digits.
    pub id: u128,
    /// `start_time`.
    pub start: i64,
    /// `end_time`. Absent during the recording, and for some failures.
    pub end: Option<i64>,
    /// `update_time`.
    pub update: i64,
    /// `size` in bytes.
    pub size: Option<i64>,
    /// `duration` in seconds.
    pub duration: Option<u32>,
    /// Number of the desktop in the directory.
    pub desktop: u32,
    /// Number of the user in the directory.
    pub user: Option<u32>,
    /// Number of the pool in the directory.
    pub pool: Option<u32>,
    /// Number of the bucket in the directory; `None` if files go to an SFTP server. Rows show it once
    /// there is a file.
    pub bucket: Option<u32>,
    /// Number of the policy in the directory.
    pub policy: Option<u32>,
    /// `status`.
    pub status: Status,
    /// `type`.
    pub kind: Kind,
}

impl Record {
    /// Creates a record that started at `start` and is being recorded: FULL, first desktop, first
    /// user, first bucket, first policy, no pool.
    pub fn new(id: u128, start: i64) -> Self {
        Self {
            id,
            start,
            end: None,
            update: start,
            size: None,
            duration: None,
            desktop: 0,
            user: Some(0),
            pool: None,
            bucket: Some(0),
            policy: Some(0),
            status: Status::Recording,
            kind: Kind::Full,
        }
    }

    /// Returns the bucket that rows show.
    pub(crate) fn shown_bucket(&self) -> Option<u32> {
        self.bucket.filter(|_| self.status.has_file())
    }

    /// Moves the record to `status` at `now`, and sets the values that the service then knows.
    pub(crate) fn enter(&mut self, status: Status, now: i64, size: i64) {
        self.status = status;
        self.update = now;
        if matches!(status, Status::Recording | Status::RecFailed) {
            return;
        }
        if self.end.is_none() {
            self.end = Some(now);
        }
        if self.size.is_none() {
            self.size = Some(size);
        }
        if self.duration.is_none() {
            let seconds = (self.end.unwrap_or(now) - self.start).max(0) / 1000;
            self.duration = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_names_its_status_and_type() {
        for status in &Status::ALL[..6] {
            assert_eq!(Status::from_code(status.code()), Some(*status));
        }
        for kind in &Kind::ALL[..4] {
            assert_eq!(Kind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(Status::from_code("ARCHIVED"), None);
        assert_eq!(Kind::from_code("_none"), None);
    }

    #[test]
    fn a_record_gets_its_end_size_and_duration_when_it_is_complete() {
        let mut record = Record::new(1, 1_000);
        record.enter(Status::RecCompleted, 61_500, 7);
        assert_eq!((record.end, record.size, record.duration), (Some(61_500), Some(7), Some(60)));
        record.enter(Status::Uploading, 70_000, 8);
        assert_eq!((record.end, record.size, record.update), (Some(61_500), Some(7), 70_000));
    }
}
