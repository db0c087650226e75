//! The spelling of statuses and types in each vocabulary. Undocumented values are always the same.

use super::Vocabulary;
use crate::world::record::{Kind, Status};

/// The six documented statuses and the four documented types, in the order of `ALL`.
struct Spellings {
    statuses: [&'static str; 6],
    types: [&'static str; 4],
}

const ENGLISH: Spellings = Spellings {
    statuses: [
        "being recorded",
        "recording completed",
        "recording failed",
        "recording being uploaded",
        "upload completed",
        "upload failed",
    ],
    types: [
        "continuous screen recording",
        "interval-based screen recording",
        "screen recording triggered by a specific user operation",
        "screen recording of the session lifecycle",
    ],
};

const UPPER_CASE: Spellings = Spellings {
    statuses: [
        "BEING RECORDED",
        "RECORDING COMPLETED",
        "RECORDING FAILED",
        "RECORDING BEING UPLOADED",
        "UPLOAD COMPLETED",
        "UPLOAD FAILED",
    ],
    types: [
        "CONTINUOUS SCREEN RECORDING",
        "INTERVAL-BASED SCREEN RECORDING",
        "SCREEN RECORDING TRIGGERED BY A SPECIFIC USER OPERATION",
        "SCREEN RECORDING OF THE SESSION LIFECYCLE",
    ],
};

const CHINESE: Spellings = Spellings {
    statuses: ["录制中", "录制完成", "录制失败", "上传中", "上传完成", "上传失败"],
    types: ["全程录屏", "间隔录屏", "用户操作录屏", "监听会话生命周期录屏"],
};

const LEGACY: Spellings = Spellings {
    statuses: [
        "RECORDING",
        "REC_COMPLETED",
        "REC_FAILED",
        "UPLOADING",
        "Uploaded",
        "UPLOAD_FAILED",
    ],
    types: [
        "Continuous screen recording",
        "Interval-based screen recording",
        "USER_OPERATION",
        "SESSION",
    ],
};

const LOWER_CASE: Spellings = Spellings {
    statuses: [
        "recording",
        "rec_completed",
        "rec_failed",
        "uploading",
        "upload_completed",
        "upload_failed",
    ],
    types: ["full", "interval", "operation", "session"],
};

/// Returns the spelling of a status.
pub(crate) fn status(vocabulary: Vocabulary, status: Status) -> &'static str {
    let word = spellings(vocabulary).and_then(|spellings| spellings.statuses.get(status as usize));
    word.copied().unwrap_or_else(|| status.code())
}

/// Returns the spelling of a type.
pub(crate) fn kind(vocabulary: Vocabulary, kind: Kind) -> &'static str {
    let word = spellings(vocabulary).and_then(|spellings| spellings.types.get(kind as usize));
    word.copied().unwrap_or_else(|| kind.code())
}

fn spellings(vocabulary: Vocabulary) -> Option<&'static Spellings> {
    match vocabulary {
        Vocabulary::Codes => None,
        Vocabulary::English => Some(&ENGLISH),
        Vocabulary::UpperCase => Some(&UPPER_CASE),
        Vocabulary::Chinese => Some(&CHINESE),
        Vocabulary::Legacy => Some(&LEGACY),
        Vocabulary::LowerCase => Some(&LOWER_CASE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_is_english_and_lower_case_is_the_codes() {
        for status in &Status::ALL[..6] {
            let spelled = |vocabulary| super::status(vocabulary, *status);
            let english = spelled(Vocabulary::English).to_uppercase();
            assert_eq!(spelled(Vocabulary::UpperCase), english);
            assert_eq!(spelled(Vocabulary::LowerCase), status.code().to_lowercase());
        }
        for kind in &Kind::ALL[..4] {
            let spelled = |vocabulary| super::kind(vocabulary, *kind);
            let english = spelled(Vocabulary::English).to_uppercase();
            assert_eq!(spelled(Vocabulary::UpperCase), english);
            assert_eq!(spelled(Vocabulary::LowerCase), kind.code().to_lowercase());
        }
        assert_eq!(super::status(Vocabulary::Chinese, Status::Unknown), "ARCHIVED");
        assert_eq!(super::kind(Vocabulary::Legacy, Kind::Session), "SESSION");
    }
}
