//! The lifecycle of a record: which transition comes next, and when.
//!
//! `RECORDING` becomes `REC_COMPLETED` or `REC_FAILED`, then `UPLOADING`, then `UPLOAD_COMPLETED`
//! or `UPLOAD_FAILED`. Half of the failed uploads are retried. No document gives the transitions,
//! delays or shares. They are derived from the names of the statuses and from the example response,
//! whose uploads ended 6 and 64 minutes after the recording.

use rand::{Rng, RngExt};

use super::record::{Record, Status};

/// Durations and failure share. Times are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LifecycleSettings {
    /// Length of a recording that does not stop early.
    pub(crate) recording_length: i64,
    /// Average duration of an upload.
    pub(crate) upload_time: i64,
    /// Share of recordings, and of uploads, that fail.
    pub(crate) failure_share: f64,
}

/// A transition to the next status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transition {
    /// The recording ends.
    StopRecording,
    /// The upload starts.
    StartUpload,
    /// The upload ends.
    FinishUpload,
    /// A failed upload is retried.
    RetryUpload,
}

impl Transition {
    /// The status that a record must have for this transition.
    pub(crate) fn required_status(self) -> Status {
        match self {
            Self::StopRecording => Status::Recording,
            Self::StartUpload => Status::RecCompleted,
            Self::FinishUpload => Status::Uploading,
            Self::RetryUpload => Status::UploadFailed,
        }
    }
}

/// Draws the next transition of a record that has just entered its status, and its time.
pub(crate) fn next_transition(
    record: &Record,
    settings: LifecycleSettings,
    rng: &mut impl Rng,
) -> Option<(i64, Transition)> {
    match record.status {
        Status::Recording => {
            let whole = rng.random_bool(0.8);
            let lasts = if whole {
                settings.recording_length
            } else {
                between(rng, 1, settings.recording_length)
            };
            Some((record.start + lasts.max(1), Transition::StopRecording))
        }
        Status::RecCompleted => {
            let delay = between(rng, settings.upload_time / 50, settings.upload_time / 2);
            Some((record.update + delay.max(1), Transition::StartUpload))
        }
        Status::Uploading => {
            // Exponentially distributed, like a queue, but at most ten times the average, so that
            // everything older than a couple of hours is settled.
            let means = -(1.0 - rng.random::<f64>()).ln();
            let takes = scaled(settings.upload_time, means.clamp(0.05, 10.0));
            Some((record.update + takes.max(1), Transition::FinishUpload))
        }
        Status::UploadFailed if rng.random_bool(0.5) => {
            let delay = between(rng, settings.upload_time, settings.upload_time * 10);
            Some((record.update + delay.max(1), Transition::RetryUpload))
        }
        _ => None,
    }
}

/// Applies a transition at `now`.
pub(crate) fn apply(
    record: &mut Record,
    transition: Transition,
    now: i64,
    settings: LifecycleSettings,
    rng: &mut impl Rng,
) {
    let failed = rng.random_bool(settings.failure_share.clamp(0.0, 1.0));
    let size = size_of(now - record.start, rng);
    let status = match (transition, failed) {
        (Transition::StopRecording, true) => Status::RecFailed,
        (Transition::StopRecording, false) => Status::RecCompleted,
        (Transition::StartUpload | Transition::RetryUpload, _) => Status::Uploading,
        (Transition::FinishUpload, true) => Status::UploadFailed,
        (Transition::FinishUpload, false) => Status::UploadCompleted,
    };
    record.enter(status, now, size);
    if status == Status::RecFailed {
        // Some failures leave an end and a broken file, others nothing.
        if rng.random_bool(0.5) {
            record.end = Some(now);
        }
        if record.end.is_some() && rng.random_bool(0.5) {
            let seconds = (now - record.start).max(0) / 1000;
            record.duration = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
            record.size = Some(if rng.random_bool(0.5) { 0 } else { size / 10 });
        }
    }
}

/// Draws the size of a recording in bytes: 0.3 to 4 Mbit/s. One in three hundred is twenty times as
/// large, so that sizes beyond 2^31 occur.
fn size_of(millis: i64, rng: &mut impl Rng) -> i64 {
    let bytes_a_second = between(rng, 40_000, 500_000);
    let burst = if rng.random_ratio(1, 300) { 20 } else { 1 };
    (millis.max(0) / 1000).saturating_mul(bytes_a_second * burst) + between(rng, 500, 5_000)
}

/// Draws a number from `low` to `high`, both included. Returns `low` if `high` is lower.
pub(crate) fn between(rng: &mut impl Rng, low: i64, high: i64) -> i64 {
    rng.random_range(low..=high.max(low))
}

/// Multiplies and rounds down.
#[expect(clippy::cast_possible_truncation, reason = "delays are far below 2^53 milliseconds")]
pub(crate) fn scaled(value: i64, factor: f64) -> i64 {
    (value as f64 * factor) as i64
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    const SETTINGS: LifecycleSettings =
        LifecycleSettings { recording_length: 600_000, upload_time: 360_000, failure_share: 0.02 };

    fn statuses_of_a_record(seed: u64) -> Vec<Status> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut record = Record::new(1, 0);
        let mut path = vec![record.status];
        let mut last = 0;
        while let Some((time, transition)) = next_transition(&record, SETTINGS, &mut rng) {
            assert!(time > last, "time moves on");
            assert_eq!(transition.required_status(), record.status);
            apply(&mut record, transition, time, SETTINGS, &mut rng);
            assert_eq!(record.update, time);
            last = time;
            path.push(record.status);
        }
        assert!(!record.status.in_flight());
        path
    }

    #[test]
    fn every_record_settles_and_a_few_fail() {
        let paths: Vec<_> = (0..5000).map(statuses_of_a_record).collect();
        let ended = |status| paths.iter().filter(|path| path.last() == Some(&status)).count();
        assert!((50..200).contains(&ended(Status::RecFailed)));
        assert!((20..120).contains(&ended(Status::UploadFailed)));
        let retried = paths.iter().filter(|path| path.len() > 4).count();
        assert!((20..120).contains(&retried), "{retried}");
    }

    #[test]
    fn some_files_are_larger_than_2_gib() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let large = (0..100_000).filter(|_| size_of(600_000, &mut rng) > 1 << 31).count();
        assert!(large > 50, "{large}");
    }
}
