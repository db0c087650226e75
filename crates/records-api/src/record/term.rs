//! Status and type of a record, in whatever vocabulary the API speaks.
//!
//! The documents name codes (`UPLOAD_COMPLETED`), show display texts (`Uploaded`), and older
//! releases, the Chinese pages and the policy API have words of their own. Every known spelling
//! becomes one value; what is unknown stays as it is and is never guessed.

use std::borrow::Cow;

/// A value out of a fixed vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Term<'a, T> {
    /// Understood.
    Known(T),
    /// A text that is neither a code nor a known spelling.
    Unknown(Cow<'a, str>),
    /// Missing, null or empty.
    #[default]
    Absent,
}

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Status {
    /// The desktop is being recorded.
    Recording,
    /// The recording is complete and waits for its upload.
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

/// What made a desktop record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordType {
    /// Continuous recording.
    Full,
    /// Recording in given hours.
    Interval,
    /// Recording triggered by operations of the user.
    Operation,
    /// Recording of a session's life cycle.
    Session,
}

impl Status {
    /// Every status, in the order of a recording's life.
    pub const ALL: [Self; 6] = [
        Self::Recording,
        Self::RecCompleted,
        Self::RecFailed,
        Self::Uploading,
        Self::UploadCompleted,
        Self::UploadFailed,
    ];

    /// The API's code.
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

    /// Whether the record has arrived where it stays, unless it is tried again.
    pub fn is_settled(self) -> bool {
        !self.is_in_flight()
    }

    /// Whether the recording or its upload failed.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::RecFailed | Self::UploadFailed)
    }

    /// Whether the record is on its way: RECORDING, `REC_COMPLETED` or UPLOADING.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Recording | Self::RecCompleted | Self::Uploading)
    }

    /// Reads any known spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.code() == text)
            .or_else(|| look_up(STATUS_SPELLINGS, text))
    }
}

impl RecordType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Full, Self::Interval, Self::Operation, Self::Session];

    /// The API's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Interval => "INTERVAL",
            Self::Operation => "OPERATION",
            Self::Session => "SESSION",
        }
    }

    /// Reads any known spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.code() == text)
            .or_else(|| look_up(TYPE_SPELLINGS, text))
    }
}

/// Spellings after [`plain`]: lower case, words parted by one space.
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

/// Longer than every spelling: a text of a megabyte is not worth a copy.
const MAX_SPELLING_BYTES: usize = 120;

fn look_up<T: Copy>(spellings: &[(&str, T)], text: &str) -> Option<T> {
    if text.len() > MAX_SPELLING_BYTES {
        return None;
    }
    let text = plain(text);
    spellings.iter().find(|(spelling, _)| *spelling == text).map(|(_, value)| *value)
}

fn plain(text: &str) -> String {
    let words = text.split(|c: char| c == '_' || c == '-' || c.is_whitespace());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_any_case() {
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
    fn every_spelling_in_the_table_is_already_plain() {
        for (spelling, status) in STATUS_SPELLINGS {
            assert_eq!(plain(spelling), *spelling);
            assert_eq!(Status::parse(spelling), Some(*status));
        }
        for (spelling, kind) in TYPE_SPELLINGS {
            assert_eq!(plain(spelling), *spelling);
            assert_eq!(RecordType::parse(spelling), Some(*kind));
        }
    }

    #[test]
    fn display_texts_old_codes_and_the_policy_words_are_read() {
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
    fn nothing_is_guessed() {
        for text in ["", "UPLOAD", "UPLOAD_FAILED!", "完成", "REC"] {
            assert_eq!(Status::parse(text), None, "{text}");
        }
        assert_eq!(Status::parse(&"x".repeat(1 << 20)), None);
    }
}
