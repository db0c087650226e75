//! Writes rows and pages as JSON into a byte buffer.
//!
//! A row has all 21 fields of `ScreenRecordDetail`. Records do not store file names and hashes; they
//! are derived from the id.

use crate::{
    dialect::{Dialect, MissingValue, TotalCount, vocabulary},
    digits::{hex, integer},
    faults::rows::{RowDefect, RowFault},
    mix::{high, low, mix},
    world::{
        World,
        record::{Kind, Record, Status},
    },
};

/// Writes a page with the rows of `slots`. `matches` is the correct total.
pub(crate) fn page(
    world: &World,
    dialect: &Dialect,
    slots: &[u32],
    matches: usize,
    faults: &[RowFault],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + slots.len() * 800);
    out.push(b'{');
    let matches = i64::try_from(matches).unwrap_or(i64::MAX);
    let total = match dialect.total_count {
        TotalCount::Right | TotalCount::Text => Some(matches),
        TotalCount::Off => Some(matches.saturating_add(7)),
        TotalCount::Page => i64::try_from(slots.len()).ok(),
        TotalCount::Negative => Some(-1),
        TotalCount::Missing | TotalCount::Null => None,
    };
    match total {
        Some(total) => {
            let quote = if dialect.total_count == TotalCount::Text { "\"" } else { "" };
            out.extend_from_slice(format!("\"total_count\":{quote}{total}{quote},").as_bytes());
        }
        None if dialect.total_count == TotalCount::Null => {
            out.extend_from_slice(b"\"total_count\":null,");
        }
        None => {}
    }
    out.extend_from_slice(b"\"screen_records\":[");
    let mut first = true;
    for &slot in slots {
        let record = world.record_in(slot);
        let (copies, defect) = RowFault::combine(faults, record.id);
        for _ in 0..copies {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            row(&mut out, world, dialect, record, defect);
        }
    }
    out.extend_from_slice(b"]}");
    out
}

/// Writes one row.
pub(crate) fn row(
    out: &mut Vec<u8>,
    world: &World,
    dialect: &Dialect,
    record: &Record,
    defect: Option<RowDefect>,
) {
    match defect {
        Some(RowDefect::Null) => return out.extend_from_slice(b"null"),
        Some(RowDefect::Text) => return out.extend_from_slice(b"\"row\""),
        _ => {}
    }
    out.push(b'{');
    let mut row = Row { out, dialect, defect, first: true };
    row.identity(world, record);
    row.state(record);
    row.files(world, record);
    row.times(record);
    out.push(b'}');
}

struct Row<'a> {
    out: &'a mut Vec<u8>,
    dialect: &'a Dialect,
    defect: Option<RowDefect>,
    first: bool,
}

impl Row<'_> {
    fn identity(&mut self, world: &World, record: &Record) {
        let directory = world.directory();
        let has_wrong_types = self.defect == Some(RowDefect::WrongTypes);
        if self.defect != Some(RowDefect::NoId) {
            self.quoted("id", true, |out| hex(out, &[high(record.id), low(record.id)]));
        }
        let desktop = directory.desktops().get(record.desktop as usize);
        self.quoted("desktop_id", desktop.is_some(), |out| {
            out.extend_from_slice(directory.desktop_id(record.desktop).as_bytes());
        });
        let name = desktop.map(|desktop| desktop.name.json.as_str());
        self.json("desktop_name", if has_wrong_types { Some("17") } else { name });
        let has_labels = self.defect != Some(RowDefect::NullLabels);
        match record.pool {
            _ if !has_labels => self.json("desktop_pool_id", Some("null")),
            Some(pool) => self.text("desktop_pool_id", directory.pool_id(pool)),
            None => self.missing("desktop_pool_id", self.dialect.missing_pool, false),
        }
        let user = record.user.and_then(|user| directory.user_json(user));
        self.json(
            "username",
            if has_wrong_types {
                Some("[1,2]")
            } else if has_labels {
                user
            } else {
                Some("null")
            },
        );
    }

    fn state(&mut self, record: &Record) {
        let has_wrong_types = self.defect == Some(RowDefect::WrongTypes);
        match record.status {
            _ if self.defect == Some(RowDefect::NullStatus) => self.json("status", Some("null")),
            _ if self.defect == Some(RowDefect::EmptyStatus) => self.json("status", Some("\"\"")),
            _ if self.defect == Some(RowDefect::OddStatus) => self.json("status", Some("[]")),
            Status::Missing => self.missing("status", self.dialect.missing, false),
            status => self.text("status", vocabulary::status(self.dialect.vocabulary, status)),
        }
        match record.kind {
            _ if self.defect == Some(RowDefect::NullLabels) => self.json("type", Some("null")),
            Kind::Missing => self.missing("type", self.dialect.missing, false),
            kind => self.text("type", vocabulary::kind(self.dialect.vocabulary, kind)),
        }
        if has_wrong_types {
            self.json("size", Some("\"12 MB\""));
            self.json("duration", Some("{\"seconds\":600}"));
            return;
        }
        let is_negative = self.defect == Some(RowDefect::NegativeSize);
        self.number("size", if is_negative { Some(-1) } else { record.size });
        self.number("duration", record.duration.map(i64::from));
    }

    fn files(&mut self, world: &World, record: &Record) {
        let number = mix(high(record.id));
        let directory = world.directory();
        let desktop = directory.desktop_id(record.desktop).as_bytes();
        let policy = record.policy.and_then(|policy| directory.policy(policy));
        self.json("policy_id", policy.map(|policy| policy.json.as_str()));
        self.text("upload_type", "AUTO");
        self.text("site_type", if record.desktop % 7 == 6 { "IES" } else { "CENTER" });
        let present = record.status.has_file();
        // Only some desktops record key events.
        let events = present && record.desktop.is_multiple_of(3);
        let file = |out: &mut Vec<u8>, what: &[u8], ending: &[u8]| {
            for part in [what, desktop, b"_"] {
                out.extend_from_slice(part);
            }
            hex(out, &[number]);
            out.extend_from_slice(ending);
        };
        let sha = |n: u64| [n, mix(n), mix(n ^ 1), mix(n ^ 2)];
        let bucket = record.shown_bucket().and_then(|bucket| directory.bucket(bucket));
        self.json("obs_bucket", bucket.map(|bucket| bucket.json.as_str()));
        self.quoted("file_directory", present, |out| {
            out.extend_from_slice(b"records/");
            integer(out, record.start.div_euclid(86_400_000));
            out.push(b'/');
            out.extend_from_slice(desktop);
        });
        self.quoted("video_filename", present, |out| file(out, b"video_", b".mp4"));
        self.quoted("video_file_sha256", present, |out| hex(out, &sha(number)));
        self.quoted("event_filename", events, |out| file(out, b"event_", b".json"));
        self.quoted("event_file_sha256", events, |out| hex(out, &sha(!number)));
    }

    fn times(&mut self, record: &Record) {
        match self.defect {
            Some(RowDefect::NoStart) => {}
            Some(RowDefect::BadStart) => self.json("start_time", Some("\"yesterday\"")),
            _ => self.time("start_time", Some(record.start)),
        }
        self.time("end_time", record.end);
        if self.defect == Some(RowDefect::WrongTypes) {
            self.json("update_time", Some("true"));
        } else {
            self.time("update_time", Some(record.update));
        }
    }

    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Writes a text that needs no escaping.
    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// Writes a text with `write`, which needs no escaping.
    fn quoted(&mut self, name: &str, present: bool, write: impl FnOnce(&mut Vec<u8>)) {
        if !present {
            return self.missing(name, self.dialect.missing, false);
        }
        self.key(name);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    fn json(&mut self, name: &str, json: Option<&str>) {
        let Some(json) = json else { return self.missing(name, self.dialect.missing, false) };
        self.key(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    fn number(&mut self, name: &str, number: Option<i64>) {
        let Some(number) = number else { return self.missing(name, self.dialect.missing, true) };
        self.key(name);
        integer(self.out, number);
    }

    fn time(&mut self, name: &str, millis: Option<i64>) {
        let Some(millis) = millis else { return self.missing(name, self.dialect.missing, false) };
        self.key(name);
        self.dialect.times.write(self.out, millis);
    }

    fn missing(&mut self, name: &str, missing: MissingValue, is_number: bool) {
        if missing == MissingValue::Absent {
            return;
        }
        self.key(name);
        self.out.extend_from_slice(match (missing, is_number) {
            (MissingValue::Empty, true) => b"0",
            (MissingValue::Empty, false) => b"\"\"",
            _ => b"null",
        });
    }
}
