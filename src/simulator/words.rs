//! How statuses and types are spelled in each vocabulary. Undocumented values stay as they are.

use super::{
    dialect::Vocabulary,
    record::{Kind, Status},
};

/// A status as rows show it.
pub(super) fn status(vocabulary: Vocabulary, status: Status) -> &'static str {
    let code = status.code();
    match (vocabulary, status) {
        (Vocabulary::Legacy, Status::UploadCompleted) => "Uploaded",
        (Vocabulary::English, Status::Recording) => "being recorded",
        (Vocabulary::English, Status::RecCompleted) => "recording completed",
        (Vocabulary::English, Status::RecFailed) => "recording failed",
        (Vocabulary::English, Status::Uploading) => "recording being uploaded",
        (Vocabulary::English, Status::UploadCompleted) => "upload completed",
        (Vocabulary::English, Status::UploadFailed) => "upload failed",
        (Vocabulary::Chinese, Status::Recording) => "录制中",
        (Vocabulary::Chinese, Status::RecCompleted) => "录制完成",
        (Vocabulary::Chinese, Status::RecFailed) => "录制失败",
        (Vocabulary::Chinese, Status::Uploading) => "上传中",
        (Vocabulary::Chinese, Status::UploadCompleted) => "上传完成",
        (Vocabulary::Chinese, Status::UploadFailed) => "上传失败",
        (Vocabulary::LowerCase, Status::Recording) => "recording",
        (Vocabulary::LowerCase, Status::RecCompleted) => "rec_completed",
        (Vocabulary::LowerCase, Status::RecFailed) => "rec_failed",
        (Vocabulary::LowerCase, Status::Uploading) => "uploading",
        (Vocabulary::LowerCase, Status::UploadCompleted) => "upload_completed",
        (Vocabulary::LowerCase, Status::UploadFailed) => "upload_failed",
        _ => code,
    }
}

/// A type as rows show it.
pub(super) fn kind(vocabulary: Vocabulary, kind: Kind) -> &'static str {
    match (vocabulary, kind) {
        (Vocabulary::Legacy, Kind::Full) => "Continuous screen recording",
        (Vocabulary::Legacy, Kind::Interval) => "Interval-based screen recording",
        (Vocabulary::Legacy, Kind::Operation) => "USER_OPERATION",
        (Vocabulary::English, Kind::Full) => "continuous screen recording",
        (Vocabulary::English, Kind::Interval) => "interval-based screen recording",
        (Vocabulary::English, Kind::Operation) => {
            "screen recording triggered by a specific user operation"
        }
        (Vocabulary::English, Kind::Session) => "screen recording of the session lifecycle",
        (Vocabulary::Chinese, Kind::Full) => "全程录屏",
        (Vocabulary::Chinese, Kind::Interval) => "间隔录屏",
        (Vocabulary::Chinese, Kind::Operation) => "用户操作录屏",
        (Vocabulary::Chinese, Kind::Session) => "监听会话生命周期录屏",
        (Vocabulary::LowerCase, Kind::Full) => "full",
        (Vocabulary::LowerCase, Kind::Interval) => "interval",
        (Vocabulary::LowerCase, Kind::Operation) => "operation",
        (Vocabulary::LowerCase, Kind::Session) => "session",
        _ => kind.code(),
    }
}
