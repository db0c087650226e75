//! Naive model of the history: every entry of every record, in memory.

use std::collections::{BTreeMap, BTreeSet};

use records_api::record::{Record, RecordType, Status, Term, Timestamp};

use super::history::History;

pub(crate) struct Model {
    pub(crate) step: i64,
    pub(crate) end: i64,
    pub(crate) max_users: usize,
    pub(crate) max_pools: usize,
    pub(crate) has_users: bool,
    /// Labels behind those of the metric, each after a comma.
    pub(crate) constant: &'static str,
}

const MIB: f64 = 1_048_576.0;
const SIZES: [(&str, f64); 7] = [
    ("1.048576e+06", MIB),
    ("4.194304e+06", 4.0 * MIB),
    ("1.6777216e+07", 16.0 * MIB),
    ("6.7108864e+07", 64.0 * MIB),
    ("2.68435456e+08", 256.0 * MIB),
    ("1.073741824e+09", 1024.0 * MIB),
    ("4.294967296e+09", 4096.0 * MIB),
];
const DURATIONS: [&str; 7] = ["60.0", "300.0", "600.0", "1200.0", "1800.0", "3600.0", "7200.0"];
const DELAYS: [&str; 9] =
    ["60.0", "300.0", "900.0", "1800.0", "3600.0", "7200.0", "14400.0", "43200.0", "86400.0"];

impl Model {
    /// Returns the history that the records call for.
    pub(crate) fn history(&self, records: &[Record<'_>]) -> History {
        let pools =
            slots(records.iter().filter_map(|r| r.desktop_pool_id.as_deref()), self.max_pools);
        let users = slots(records.iter().filter_map(|r| r.username.as_deref()), self.max_users);
        let mut events = BTreeMap::<String, Vec<(i64, f64)>>::new();
        for record in records {
            let pool = shown(record.desktop_pool_id.as_deref(), &pools);
            let user = shown(record.username.as_deref(), &users);
            for (time, status) in entries(record) {
                let mut count = |series: String, value: f64| {
                    if time < self.end {
                        events.entry(series).or_default().push((time, value));
                    }
                };
                let kind = type_of(record);
                let labels = format!(
                    "project=\"p\",status=\"{status}\",type=\"{kind}\",pool=\"{pool}\"{}",
                    self.constant
                );
                count(format!("workspace_screen_record_transitions_total{{{labels}}}"), 1.0);
                if self.has_users {
                    let constant = self.constant;
                    let labels =
                        format!("project=\"p\",user=\"{user}\",status=\"{status}\"{constant}");
                    count(
                        format!("workspace_user_screen_record_transitions_total{{{labels}}}"),
                        1.0,
                    );
                }
                self.observe(record, status, kind, &pool, &mut count);
            }
        }
        History(
            events.into_iter().map(|(series, events)| (series, self.samples(&events))).collect(),
        )
    }

    fn observe(
        &self,
        record: &Record<'_>,
        status: &str,
        kind: &str,
        pool: &str,
        count: &mut impl FnMut(String, f64),
    ) {
        let constant = self.constant;
        let mut observe = |name: &str, bounds: &[(&str, f64)], value: f64| {
            let name = format!("workspace_screen_record_{name}");
            let labels = format!("project=\"p\",type=\"{kind}\"{constant}");
            for (text, bound) in bounds {
                let within = f64::from(u8::from(value <= *bound));
                count(format!("{name}_bucket{{{labels},le=\"{text}\"}}"), within);
            }
            count(format!("{name}_bucket{{{labels},le=\"+Inf\"}}"), 1.0);
            count(format!("{name}_count{{{labels}}}"), 1.0);
            count(format!("{name}_sum{{{labels}}}"), value);
        };
        if ["REC_FAILED", "UPLOAD_COMPLETED", "UPLOAD_FAILED"].contains(&status) {
            if let Some(size) = record.size {
                observe("file_size_bytes", &SIZES, size as f64);
            }
            if let Some(duration) = record.duration {
                observe("video_duration_seconds", &seconds(&DURATIONS), duration.into());
            }
        }
        if status != "UPLOAD_COMPLETED" {
            return;
        }
        if let Some((update, end)) = record.update_time.zip(record.end_time)
            && update >= end
        {
            let delay = (update.millis() - end.millis()) as f64 / 1000.0;
            observe("upload_delay_seconds", &seconds(&DELAYS), delay);
        }
        let labels = format!("project=\"p\",type=\"{kind}\",pool=\"{pool}\"{constant}");
        for (unit, value) in [
            ("bytes", record.size.unwrap_or(0) as f64),
            ("video_seconds", record.duration.unwrap_or(0).into()),
        ] {
            count(format!("workspace_screen_records_uploaded_{unit}_total{{{labels}}}"), value);
        }
    }

    /// Returns the samples of a series: 0 a step before the first entry, then one at each multiple of the
    /// step, and one at the end.
    fn samples(&self, events: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let first = events.iter().map(|(time, _)| *time).min().unwrap();
        // The last multiple before the first entry.
        let mut time = (first - 1).div_euclid(self.step) * self.step;
        let mut samples = Vec::new();
        loop {
            let counted = events.iter().filter(|(at, _)| *at <= time);
            samples.push((time, counted.map(|(_, value)| value).sum()));
            if time == self.end {
                return samples;
            }
            time = (time + self.step).min(self.end);
        }
    }
}

fn seconds<const N: usize>(texts: &[&'static str; N]) -> [(&'static str, f64); N] {
    texts.map(|text| (text, text.parse().unwrap()))
}

fn entries(record: &Record<'_>) -> Vec<(i64, &'static str)> {
    let start = record.start_time.millis();
    let mut entries = vec![(start, "RECORDING")];
    let status = match &record.status {
        Term::Known(status) => status.code(),
        Term::Unknown(_) => "ARCHIVED",
        Term::Absent => return entries,
    };
    if record.status != Term::Known(Status::Recording) {
        let update = record.update_time.or(record.end_time).map_or(start, Timestamp::millis);
        entries.push((update.max(start), status));
    }
    entries
}

fn type_of(record: &Record<'_>) -> &'static str {
    match record.record_type {
        Term::Known(known) => RecordType::code(known),
        Term::Unknown(_) => "AUDIO",
        Term::Absent => "_none",
    }
}

fn slots<'n>(names: impl Iterator<Item = &'n str>, limit: usize) -> BTreeSet<&'n str> {
    let names: BTreeSet<_> = names.collect();
    names.into_iter().take(limit).collect()
}

fn shown(name: Option<&str>, slots: &BTreeSet<&str>) -> String {
    match name {
        None => "_none".to_owned(),
        Some(name) if slots.contains(name) => {
            name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
        }
        Some(_) => "_other".to_owned(),
    }
}
