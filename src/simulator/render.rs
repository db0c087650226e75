//! Writes rows and pages as JSON, straight into bytes.
//!
//! All 21 fields of `ScreenRecordDetail`. Texts that no record keeps (policy, bucket, file names,
//! hashes) are derived from the id, the same each time.

use super::{
    dialect::{Dialect, Nothing, TotalCount, Vocabulary},
    faults::RowFault,
    record::{Kind, Record, Status, mix},
    times::integer,
    world::World,
};

const POLICIES: u64 = 3;

/// How the wrong is done to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// `null` in place of the row
    Null,
    /// A string in place of the row
    Text,
    /// The row has no `id`
    NoId,
    /// The row has no `start_time`
    NoStart,
    /// `start_time` is `yesterday`
    BadStart,
    /// Strings where numbers belong and numbers where strings belong
    WrongTypes,
    /// `size` is -1
    NegativeSize,
}

impl Spoil {
    /// Every way with its name.
    pub(super) const NAMES: [(&'static str, Self); 7] = [
        ("null", Self::Null),
        ("text", Self::Text),
        ("no-id", Self::NoId),
        ("no-start", Self::NoStart),
        ("bad-start", Self::BadStart),
        ("wrong-types", Self::WrongTypes),
        ("negative-size", Self::NegativeSize),
    ];
}

/// Writes a page: the rows of `slots`, and `matches` as the dialect counts them.
pub(super) fn page(
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
        TotalCount::Right => Some(matches),
        TotalCount::Off => Some(matches.saturating_add(7)),
        TotalCount::Page => i64::try_from(slots.len()).ok(),
        TotalCount::Negative => Some(-1),
        TotalCount::Missing | TotalCount::Null => None,
    };
    match total {
        Some(total) => {
            out.extend_from_slice(b"\"total_count\":");
            integer(&mut out, total);
            out.push(b',');
        }
        None if dialect.total_count == TotalCount::Null => {
            out.extend_from_slice(b"\"total_count\":null,");
        }
        None => {}
    }
    out.extend_from_slice(b"\"screen_records\":[");
    let mut first = true;
    for &slot in slots {
        let record = world.at(slot);
        let (copies, spoil) = RowFault::on(faults, record.id);
        for _ in 0..copies {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            row(&mut out, world, dialect, record, spoil);
        }
    }
    out.extend_from_slice(b"]}");
    out
}

/// Writes one record.
pub(super) fn row(
    out: &mut Vec<u8>,
    world: &World,
    dialect: &Dialect,
    record: &Record,
    spoil: Option<Spoil>,
) {
    match spoil {
        Some(Spoil::Null) => return out.extend_from_slice(b"null"),
        Some(Spoil::Text) => return out.extend_from_slice(b"\"row\""),
        _ => {}
    }
    out.push(b'{');
    let mut row = Row { out, dialect, spoil, first: true };
    row.who(world, record);
    row.what(record);
    row.files(world, record);
    row.when(record);
    out.push(b'}');
}

struct Row<'a> {
    out: &'a mut Vec<u8>,
    dialect: &'a Dialect,
    spoil: Option<Spoil>,
    first: bool,
}

impl Row<'_> {
    fn who(&mut self, world: &World, record: &Record) {
        let cast = world.cast();
        let wrong = self.spoil == Some(Spoil::WrongTypes);
        if self.spoil != Some(Spoil::NoId) {
            self.name("id");
            self.out.push(b'"');
            hex(self.out, record.id);
            self.out.push(b'"');
        }
        let desktop = cast.desktops().get(record.desktop as usize);
        self.json("desktop_id", desktop.map(|desktop| format!("\"{}\"", desktop.id)).as_deref());
        let name = desktop.map(|desktop| desktop.name.json.as_str());
        self.json("desktop_name", if wrong { Some("17") } else { name });
        match record.pool {
            Some(pool) => self.text("desktop_pool_id", cast.pool_id(pool)),
            None => self.nothing("desktop_pool_id", self.dialect.missing_pool, false),
        }
        let user = record.user.and_then(|user| cast.user_json(user));
        self.json("username", if wrong { Some("[1,2]") } else { user });
    }

    fn what(&mut self, record: &Record) {
        let wrong = self.spoil == Some(Spoil::WrongTypes);
        match record.status {
            Status::Missing => self.nothing("status", self.dialect.missing, false),
            status => self.text("status", spelled_status(self.dialect.vocabulary, status)),
        }
        match record.kind {
            Kind::Missing => self.nothing("type", self.dialect.missing, false),
            kind => self.text("type", spelled_kind(self.dialect.vocabulary, kind)),
        }
        if wrong {
            self.json("size", Some("\"12 MB\""));
            self.json("duration", Some("{\"seconds\":600}"));
            return;
        }
        let negative = self.spoil == Some(Spoil::NegativeSize);
        self.number("size", if negative { Some(-1) } else { record.size });
        self.number("duration", record.duration.map(i64::from));
    }

    fn files(&mut self, world: &World, record: &Record) {
        let number = mix(u64::try_from(record.id >> 64).unwrap_or_default());
        let desktop = world.cast().desktop_id(record.desktop);
        let policy = mix(world.seed ^ (u64::from(record.desktop) % POLICIES));
        self.json("policy_id", Some(&format!("\"{policy:016x}{:016x}\"", mix(policy))));
        self.json("upload_type", Some("\"AUTO\""));
        let site = if record.desktop % 7 == 6 { "\"IES\"" } else { "\"CENTER\"" };
        self.json("site_type", Some(site));
        let present = record.status.has_file();
        // Key events are recorded for some desktops only.
        let events = present && record.desktop.is_multiple_of(3);
        let day = record.start.div_euclid(86_400_000);
        let text = |wanted: bool, text: &dyn Fn() -> String| wanted.then(text);
        let bucket = text(present, &|| "\"wks-screen-records\"".to_owned());
        self.json("obs_bucket", bucket.as_deref());
        let directory = text(present, &|| format!("\"records/{day}/{desktop}/\""));
        self.json("file_directory", directory.as_deref());
        let video = text(present, &|| format!("\"video_{desktop}_{number:016x}.mp4\""));
        self.json("video_filename", video.as_deref());
        self.json("video_file_sha256", present.then(|| sha(number)).as_deref());
        let event = text(events, &|| format!("\"event_{desktop}_{number:016x}.json\""));
        self.json("event_filename", event.as_deref());
        self.json("event_file_sha256", events.then(|| sha(!number)).as_deref());
    }

    fn when(&mut self, record: &Record) {
        match self.spoil {
            Some(Spoil::NoStart) => {}
            Some(Spoil::BadStart) => self.json("start_time", Some("\"yesterday\"")),
            _ => self.time("start_time", Some(record.start)),
        }
        self.time("end_time", record.end);
        if self.spoil == Some(Spoil::WrongTypes) {
            self.json("update_time", Some("true"));
        } else {
            self.time("update_time", Some(record.update));
        }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A text that needs no escaping.
    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    fn json(&mut self, name: &str, json: Option<&str>) {
        let Some(json) = json else { return self.nothing(name, self.dialect.missing, false) };
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    fn number(&mut self, name: &str, number: Option<i64>) {
        let Some(number) = number else { return self.nothing(name, self.dialect.missing, true) };
        self.name(name);
        integer(self.out, number);
    }

    fn time(&mut self, name: &str, millis: Option<i64>) {
        let Some(millis) = millis else { return self.nothing(name, self.dialect.missing, false) };
        self.name(name);
        self.dialect.times.write(self.out, millis);
    }

    fn nothing(&mut self, name: &str, nothing: Nothing, number: bool) {
        if nothing == Nothing::Absent {
            return;
        }
        self.name(name);
        self.out.extend_from_slice(match (nothing, number) {
            (Nothing::Empty, true) => b"0",
            (Nothing::Empty, false) => b"\"\"",
            _ => b"null",
        });
    }
}

fn hex(out: &mut Vec<u8>, id: u128) {
    for shift in (0..32).rev() {
        let digit = usize::try_from((id >> (shift * 4)) & 0xf).unwrap_or(0);
        out.push(b"0123456789abcdef"[digit]);
    }
}

fn sha(number: u64) -> String {
    let parts = [number, mix(number), mix(number ^ 1), mix(number ^ 2)];
    format!("\"{:016x}{:016x}{:016x}{:016x}\"", parts[0], parts[1], parts[2], parts[3])
}

fn spelled_status(vocabulary: Vocabulary, status: Status) -> &'static str {
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

fn spelled_kind(vocabulary: Vocabulary, kind: Kind) -> &'static str {
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
