//! Status and type of a record in all known spellings.
//!
//! The API's documents list codes (`UPLOAD_COMPLETED`) and show display texts (`Uploaded`); older
//! releases, the Chinese pages and the policy API use other words. All known spellings of a value
//! are parsed to it. An unknown text is kept unchanged; nothing is guessed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A field with a fixed vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Term<'a, T> {
    /// A value of the vocabulary.
    Known(T),
    /// A text that is not a known spelling of any value.
    Unknown(Cow<'a, str>),
    /// The field is missing, null or empty.
    #[default]
    Absent,
}

/// State of a recording and of its upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Status {
    /// The desktop is being recorded.
    Recording,
    /// The recording is complete; the upload has not started.
    RecCompleted,
    /// The recording failed.
    RecFailed,
    /// The file is being uploaded.
    Uploading,
    /// The file is in the bucket.
    UploadCompleted,
    /// The upload failed.
    UploadFailed,
}

/// Trigger of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum RecordType {
    /// Continuous recording.
    Full,
    /// Recording at configured hours.
    Interval,
    /// Recording triggered by user operations.
    Operation,
    /// Recording of the life cycle of a session.
    Session,
}

impl Status {
    /// All statuses, in the order of a recording's life cycle.
    pub const ALL: [Self; 6] = [
        Self::Recording,
        Self::RecCompleted,
        Self::RecFailed,
        Self::Uploading,
        Self::UploadCompleted,
        Self::UploadFailed,
    ];

    /// Returns the code that the API documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::Recording => "RECORDING",
            Self::RecCompleted => "REC_COMPLETED",
            Self::RecFailed => "REC_FAILED",
            Self::Uploading => "UPLOADING",
            Self::UploadCompleted => "UPLOAD_COMPLETED",
            Self::UploadFailed => "UPLOAD_FAILED",
        }
    }

    /// True for `REC_FAILED`, `UPLOAD_COMPLETED` and `UPLOAD_FAILED`, which change only if the
    /// upload is retried.
    pub fn is_settled(self) -> bool {
        !self.is_in_flight()
    }

    /// True for `REC_FAILED` and `UPLOAD_FAILED`.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::RecFailed | Self::UploadFailed)
    }

    /// True for RECORDING, `REC_COMPLETED` and UPLOADING.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Recording | Self::RecCompleted | Self::Uploading)
    }

    /// Parses any known spelling; `None` for other texts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.code() == text)
            .or_else(|| look_up(STATUS_SPELLINGS, text))
    }
}

impl RecordType {
    /// All types.
    pub const ALL: [Self; 4] = [Self::Full, Self::Interval, Self::Operation, Self::Session];

    /// Returns the code that the API documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Interval => "INTERVAL",
            Self::Operation => "OPERATION",
            Self::Session => "SESSION",
        }
    }

    /// Parses any known spelling; `None` for other texts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.code() == text)
            .or_else(|| look_up(TYPE_SPELLINGS, text))
    }
}

/// Spellings as [`normalized`] returns them: in lower case, words separated by one space.
const STATUS_SPELLINGS: &[(&str, Status)] = &[
    ("recording", Status::Recording),
    ("being recorded", Status::Recording),
    ("录制中", Status::Recording),
    ("rec completed", Status::RecCompleted),
    ("recording completed", Status::RecCompleted),
    ("recorded", Status::RecCompleted),
    ("录制完成", Status::RecCompleted),
    ("rec failed", Status::RecFailed),
    ("recording failed", Status::RecFailed),
    ("录制失败", Status::RecFailed),
    ("uploading", Status::Uploading),
    ("being uploaded", Status::Uploading),
    ("recording being uploaded", Status::Uploading),
    ("上传中", Status::Uploading),
    ("upload completed", Status::UploadCompleted),
    ("uploaded", Status::UploadCompleted),
    ("上传完成", Status::UploadCompleted),
    ("upload failed", Status::UploadFailed),
    ("上传失败", Status::UploadFailed),
];

const TYPE_SPELLINGS: &[(&str, RecordType)] = &[
    ("full", RecordType::Full),
    ("whole", RecordType::Full),
    ("continuous screen recording", RecordType::Full),
    ("全程录屏", RecordType::Full),
    ("interval", RecordType::Interval),
    ("interval based screen recording", RecordType::Interval),
    ("间隔录屏", RecordType::Interval),
    ("operation", RecordType::Operation),
    ("user operation", RecordType::Operation),
    ("useroperation", RecordType::Operation),
    ("useroperations", RecordType::Operation),
    ("screen recording triggered by a specific user operation", RecordType::Operation),
    ("用户操作录屏", RecordType::Operation),
    ("session", RecordType::Session),
    ("sessionmonitoring", RecordType::Session),
    ("screen recording of the session lifecycle", RecordType::Session),
    ("监听会话生命周期录屏", RecordType::Session),
];

/// Longer than all spellings, so that a text of a megabyte is not copied to be looked up.
const MAX_SPELLING_BYTES: usize = 120;

fn look_up<T: Copy>(spellings: &[(&str, T)], text: &str) -> Option<T> {
    if text.len() > MAX_SPELLING_BYTES {
        return None;
    }
    let text = normalized(text);
    spellings.iter().find(|(spelling, _)| *spelling == text).map(|(_, value)| *value)
}

fn normalized(text: &str) -> String {
    let words = text.split(|c: char| c == '_' || c == '-' || c.is_whitespace());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_parsed_in_any_case() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.code()), Some(status));
            assert_eq!(Status::parse(&status.code().to_lowercase()), Some(status));
        }
        for kind in RecordType::ALL {
            assert_eq!(RecordType::parse(kind.code()), Some(kind));
            assert_eq!(RecordType::parse(&kind.code().to_lowercase()), Some(kind));
        }
    }

    #[test]
    fn all_spellings_in_the_tables_are_normalized() {
        for (spelling, status) in STATUS_SPELLINGS {
            assert_eq!(normalized(spelling), *spelling);
            assert_eq!(Status::parse(spelling), Some(*status));
        }
        for (spelling, kind) in TYPE_SPELLINGS {
            assert_eq!(normalized(spelling), *spelling);
            assert_eq!(RecordType::parse(spelling), Some(*kind));
        }
    }

    #[test]
    fn display_texts_old_codes_and_words_of_the_policy_api_are_parsed() {
        assert_eq!(Status::parse("Uploaded"), Some(Status::UploadCompleted));
        assert_eq!(Status::parse(" Upload-Failed "), Some(Status::UploadFailed));
        assert_eq!(
            RecordType::parse("Interval-based screen recording"),
            Some(RecordType::Interval)
        );
        assert_eq!(RecordType::parse("USER_OPERATION"), Some(RecordType::Operation));
        assert_eq!(RecordType::parse("sessionMonitoring"), Some(RecordType::Session));
        assert_eq!(RecordType::parse("userOperations"), Some(RecordType::Operation));
    }

    #[test]
    fn other_texts_are_not_parsed() {
        for text in ["", "UPLOAD", "UPLOAD_FAILED!", "完成", "REC"] {
            assert_eq!(Status::parse(text), None, "{text}");
        }
        assert_eq!(Status::parse(&"x".repeat(1 << 20)), None);
    }
}
