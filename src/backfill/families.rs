//! Families of the output. They have the names and labels of the live ones, and another help text.

use serde::{Deserialize, Serialize};

use crate::exposition::{Metric, catalog};
use crate::ledger::{Series, TermId};

/// Names of the labels of all families.
pub const LABELS: [&str; 6] = ["project", "status", "type", "pool", "user", "le"];

/// Family of the output, in the order of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Family {
    /// Entries into a status, by status, type and pool.
    Transitions,
    /// Entries into a status, by user and status.
    UserTransitions,
    /// Bytes that were uploaded, by type and pool.
    UploadedBytes,
    /// Seconds of video that were uploaded, by type and pool.
    UploadedSeconds,
    /// Sizes of files in bytes, by type.
    FileSize,
    /// Durations of videos in seconds, by type.
    VideoDuration,
    /// Milliseconds from the end of a recording to the end of its upload, by type.
    UploadDelay,
}

static TRANSITIONS: Metric = Metric {
    help: "Total number of times a screen recording entered the status. Made from the records: only \
           the start and the present status of a recording are known.",
    ..catalog::SCREEN_RECORD_TRANSITIONS_TOTAL
};
static USER_TRANSITIONS: Metric = Metric {
    help: "Total number of times a screen recording of the user entered the status. Made from the \
           records: only the start and the present status of a recording are known.",
    ..catalog::USER_SCREEN_RECORD_TRANSITIONS_TOTAL
};
static UPLOADED_BYTES: Metric = Metric {
    help: "Total size in bytes of the screen recordings that were uploaded. Made from the records: \
           only the present status of a recording is known.",
    ..catalog::SCREEN_RECORDS_UPLOADED_BYTES_TOTAL
};
static UPLOADED_SECONDS: Metric = Metric {
    help: "Total video duration in seconds of the screen recordings that were uploaded. Made from the \
           records: only the present status of a recording is known.",
    ..catalog::SCREEN_RECORDS_UPLOADED_VIDEO_SECONDS_TOTAL
};
static FILE_SIZE: Metric = Metric {
    help: "File size in bytes, observed when the recording settled. Made from the records: only the \
           present status of a recording is known.",
    ..catalog::SCREEN_RECORD_FILE_SIZE_BYTES
};
static VIDEO_DURATION: Metric = Metric {
    help: "Video duration in seconds, observed when the recording settled. Made from the records: \
           only the present status of a recording is known.",
    ..catalog::SCREEN_RECORD_VIDEO_DURATION_SECONDS
};
static UPLOAD_DELAY: Metric = Metric {
    help: "Time from the end of a recording to its upload in seconds. Made from the records: only the \
           present status of a recording is known.",
    ..catalog::SCREEN_RECORD_UPLOAD_DELAY_SECONDS
};

impl Family {
    /// Returns the declaration of the metric.
    pub(super) fn metric(self) -> &'static Metric {
        match self {
            Self::Transitions => &TRANSITIONS,
            Self::UserTransitions => &USER_TRANSITIONS,
            Self::UploadedBytes => &UPLOADED_BYTES,
            Self::UploadedSeconds => &UPLOADED_SECONDS,
            Self::FileSize => &FILE_SIZE,
            Self::VideoDuration => &VIDEO_DURATION,
            Self::UploadDelay => &UPLOAD_DELAY,
        }
    }

    /// Returns the live series of a histogram, which has its bounds and unit; `None` for a counter.
    pub(super) fn histogram(self) -> Option<Series> {
        match self {
            Self::FileSize => Some(Series::FileSize(TermId::NONE)),
            Self::VideoDuration => Some(Series::VideoDuration(TermId::NONE)),
            Self::UploadDelay => Some(Series::UploadDelay(TermId::NONE)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_all_families_are_listed() {
        for metric in [
            &TRANSITIONS,
            &USER_TRANSITIONS,
            &UPLOADED_BYTES,
            &UPLOADED_SECONDS,
            &FILE_SIZE,
            &VIDEO_DURATION,
            &UPLOAD_DELAY,
        ] {
            assert!(metric.labels.iter().all(|label| LABELS.contains(label)), "{}", metric.name);
        }
    }
}
