//! The records that a world begins with, and the new recordings afterwards.
//!
//! Starts are spread over the window, with more in working hours and a share in the last half hour,
//! so that some records are always in flight. The simulation brings every record to the state that
//! it would have now.

use chrono::{DateTime, Datelike, Timelike, Weekday};
use rand::RngExt;

use super::{
    Event, Settings, World,
    directory::Directory,
    lifecycle::{self, Transition, between},
    record::{Kind, Record, Status},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Records that are older than this when the world begins are settled.
const SETTLED_AFTER: i64 = 2 * HOUR;
/// One new recording in this many becomes visible long after its start.
const LATE_ONE_IN: u32 = 60;
/// One new recording in this many comes with the deletion of another record.
const DELETE_ONE_IN: u32 = 50;
/// Changes that a recording brings: it appears, stops, starts and finishes its upload.
const CHANGES_PER_RECORDING: f64 = 4.0;

impl World {
    /// Creates the world that the settings describe, at `now`.
    pub(crate) fn new(settings: Settings, now: i64) -> Self {
        let directory = Directory::new(settings.seed, settings.directory, settings.hostile_names);
        let mut world = Self::empty(settings, directory, now);
        let pending = world.generate_history(world.settings.records);
        if world.settings.live > 0.0 {
            for (slot, time, transition) in pending {
                world.schedule(time.max(now), Event::Transition(slot, transition));
            }
            world.next_recording_at = now as f64;
            world.schedule_recording();
            if world.settings.burst > 0 {
                world.schedule((now - now.rem_euclid(DAY)) + 9 * HOUR, Event::Burst);
            }
        }
        world
    }

    /// Rate of new recordings.
    fn recordings_per_second(&self) -> f64 {
        self.settings.live / CHANGES_PER_RECORDING
    }

    /// Generates the first records. Returns the transitions that are still to come.
    fn generate_history(&mut self, records: usize) -> Vec<(u32, i64, Transition)> {
        let mut starts = self.draw_starts(records);
        starts.sort_unstable();
        let mut history = Vec::with_capacity(starts.len());
        let mut pending = Vec::new();
        for (slot, start) in (0_u32..).zip(starts) {
            let mut record = self.draw_record(start);
            if let Some((time, transition)) = self.catch_up(&mut record) {
                pending.push((slot, time, transition));
            }
            history.push(record);
        }
        self.load_history(history);
        pending
    }

    fn draw_starts(&mut self, records: usize) -> Vec<i64> {
        let (now, window) = (self.now(), self.settings.window);
        let mut starts = Vec::with_capacity(records);
        let mut morning = (now - window) - (now - window).rem_euclid(DAY) + 9 * HOUR;
        while morning <= now && self.settings.burst > 0 {
            if morning > now - window {
                let room = records.saturating_sub(starts.len()).min(self.settings.burst as usize);
                starts.extend(std::iter::repeat_n(morning, room));
            }
            morning += DAY;
        }
        let recent_count = self.recent_count(records);
        while starts.len() < records {
            let start = if starts.len() + recent_count >= records {
                now - between(&mut self.rng, 0, (30 * MINUTE).min(window))
            } else {
                now - between(&mut self.rng, 0, window)
            };
            if self.rng.random_bool(density(start)) || starts.len() + recent_count >= records {
                starts.push(start);
            }
        }
        starts
    }

    /// Number of records that start in the last half hour: as many as live changes would have
    /// brought, and always a few. Otherwise changes would begin only when the first new recordings
    /// stop.
    fn recent_count(&self, records: usize) -> usize {
        let expected = lifecycle::scaled(30 * 60, self.recordings_per_second());
        usize::try_from(expected).unwrap_or(0).min(records / 2).max(records / 200).max(1)
    }

    fn draw_record(&mut self, start: i64) -> Record {
        let drawn = self.draw_references();
        let mut record = Record::new(self.next_id(), start);
        record.desktop = drawn.desktop;
        record.pool = drawn.pool;
        record.user = Some(drawn.user);
        record.bucket = drawn.bucket;
        record.policy = drawn.policy;
        record.kind = match self.rng.random_range(0..100) {
            0..55 => Kind::Full,
            55..80 => Kind::Interval,
            80..90 => Kind::Operation,
            _ => Kind::Session,
        };
        if self.settings.odd_share > 0.0 && self.rng.random_bool(self.settings.odd_share) {
            match self.rng.random_range(0..3) {
                0 => record.user = None,
                1 => record.kind = Kind::Missing,
                _ => record.kind = Kind::Unknown,
            }
        }
        record
    }

    /// Applies the transitions of a record up to now. Returns the next one.
    fn catch_up(&mut self, record: &mut Record) -> Option<(i64, Transition)> {
        let now = self.now();
        let must_settle = record.start < now - SETTLED_AFTER;
        while let Some((time, transition)) =
            lifecycle::next_transition(record, self.settings.lifecycle, &mut self.rng)
        {
            if time > now && !(must_settle && record.status.in_flight()) {
                return Some((time, transition));
            }
            let time = time.min(now);
            lifecycle::apply(record, transition, time, self.settings.lifecycle, &mut self.rng);
        }
        if self.settings.odd_share > 0.0
            && must_settle
            && self.rng.random_bool(self.settings.odd_share)
        {
            let unknown = self.rng.random_bool(0.5);
            record.status = if unknown { Status::Unknown } else { Status::Missing };
        }
        None
    }

    pub(crate) fn start_recording(&mut self) {
        let mut start = self.now();
        let late = self.rng.random_ratio(1, LATE_ONE_IN);
        if late {
            let longest = self.settings.window.min(2 * DAY);
            let shortest = (5 * MINUTE).min(longest);
            // Uniform in the logarithm: minutes are as likely as days.
            let (low, high) = ((shortest as f64).ln(), (longest as f64).ln());
            let lag = (low + self.rng.random::<f64>() * (high - low)).exp();
            start -= lifecycle::scaled(1, lag);
        }
        let mut record = self.draw_record(start);
        let next = if late {
            self.catch_up(&mut record)
        } else {
            lifecycle::next_transition(&record, self.settings.lifecycle, &mut self.rng)
        };
        let slot = self.add(record);
        if let (Some(slot), Some((time, transition))) = (slot, next) {
            self.schedule(time, Event::Transition(slot, transition));
        }
        if self.rng.random_ratio(1, DELETE_ONE_IN) {
            let time = self.now() + between(&mut self.rng, 0, 10 * MINUTE);
            self.schedule(time, Event::Delete);
        }
        self.schedule_recording();
    }

    pub(crate) fn start_burst(&mut self) {
        let now = self.now();
        if now.rem_euclid(DAY) == 9 * HOUR {
            for _ in 0..self.settings.burst {
                let record = self.draw_record(now);
                if let Some(slot) = self.add(record) {
                    self.schedule_next(slot);
                }
            }
        }
        let morning = now - now.rem_euclid(DAY) + 9 * HOUR;
        let next = if morning > now { morning } else { morning + DAY };
        self.schedule(next, Event::Burst);
    }

    fn schedule_recording(&mut self) {
        let gap = -(1.0 - self.rng.random::<f64>()).ln() / self.recordings_per_second();
        self.next_recording_at += gap * 1000.0;
        let time = lifecycle::scaled(1, self.next_recording_at);
        self.schedule(time, Event::NewRecording);
    }
}

/// Probability of a start at this time, relative to working hours.
fn density(start: i64) -> f64 {
    let Some(time) = DateTime::from_timestamp_millis(start) else { return 1.0 };
    let weekend = matches!(time.weekday(), Weekday::Sat | Weekday::Sun);
    match (weekend, time.hour()) {
        (false, 8..18) => 1.0,
        (false, _) => 0.15,
        (true, _) => 0.2,
    }
}
