//! What must have been counted, written from the contract: sections 4 and 6.3. It knows which rows
//! the API served to each poll, and nothing of the program.

use std::collections::BTreeMap;

use records_api_simulator::{Record, Status, World};

use super::failures::{List, Listed};

/// What the contract says of a history so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Oracle {
    known: BTreeMap<u128, Known>,
    /// Samples by their name and labels; none that stands at 0.
    counters: BTreeMap<String, f64>,
    /// Lower edge of the window of the last complete poll, and whether it filtered.
    last: Option<(i64, bool)>,
}

/// A row as it was served.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) record: Record,
    pub(super) pool: String,
    pub(super) user: String,
    pub(super) desktop: String,
    /// Whether the row names a file. It does by the status that the API knows, whatever it says.
    has_file: bool,
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Known {
    row: Row,
    /// Whether its entry into the present status was counted.
    counted: bool,
    /// Whether the entry into its first status counts, if it was never read with one.
    first_counts: bool,
    settled: bool,
    uploaded: bool,
    /// Whether it began before the window of the poll before the one that read it first.
    returned: bool,
    /// Whether the API had it at the last complete poll.
    there: bool,
}

impl Row {
    pub(super) fn of(world: &World, id: u128) -> Option<Self> {
        let record = world.record(id)?.clone();
        let directory = world.directory();
        let pool = record.pool.map_or("_none", |pool| directory.pool_id(pool)).to_owned();
        let user = record.user.map_or("_none", |user| directory.user_name(user)).to_owned();
        let desktop = directory.desktop_name(record.desktop).to_owned();
        let has_file = !matches!(record.status, Status::Recording | Status::RecFailed);
        Some(Self { record, pool, user, desktop, has_file })
    }

    /// Whether the row says what status the record has.
    pub(super) fn has_status(&self) -> bool {
        self.record.status != Status::Missing
    }

    /// The row with the status of another one if it has none.
    #[must_use]
    pub(super) fn or_status_of(mut self, other: &Self) -> Self {
        if !self.has_status() {
            self.record.status = other.record.status;
        }
        self
    }

    fn status(&self) -> &'static str {
        self.record.status.code()
    }

    fn kind(&self) -> &'static str {
        self.record.kind.code()
    }
}

impl Oracle {
    /// A poll, with a filter or without, was complete: it read these rows. What leaves the window in flight counts
    /// if it was there at the poll before.
    pub(super) fn poll(
        &mut self,
        rows: &BTreeMap<u128, Row>,
        is_there: impl Fn(u128) -> bool,
        (window_start, filtered): (i64, bool),
    ) {
        let begins_anew = self.begins_anew(filtered);
        let edge = self.last.map_or(i64::MIN, |(edge, _)| edge);
        let inside = rows.values().filter(|row| row.record.start >= window_start);
        for row in inside {
            let known = self.known.get(&row.record.id).cloned();
            // An answer of a replica that lags behind is not a change.
            if known.as_ref().is_some_and(|known| known.row.record.update > row.record.update) {
                continue;
            }
            let is_new = known.is_none();
            let starts_baseline = is_new && (begins_anew || row.record.start < edge);
            // A row without a status says nothing about it: what is known is kept.
            let row = &match &known {
                Some(known) => row.clone().or_status_of(&known.row),
                None => row.clone(),
            };
            let had_status = known.as_ref().is_some_and(|known| known.row.has_status());
            let first_counts = known.as_ref().map_or(!starts_baseline, |known| known.first_counts);
            let is_baseline = !had_status && !first_counts;
            let enters = row.has_status()
                && known.as_ref().is_none_or(|known| known.row.status() != row.status());
            let mut next = known.unwrap_or_else(|| Known {
                row: row.clone(),
                counted: false,
                first_counts,
                settled: false,
                uploaded: false,
                returned: row.record.start < edge,
                there: true,
            });
            let (status, kind, pool, user) = (row.status(), row.kind(), &row.pool, &row.user);
            if is_new && !is_baseline {
                self.add(
                    "workspace_screen_records_seen_total",
                    &[("type", kind), ("pool", pool)],
                    1.0,
                );
            }
            if enters && !is_baseline {
                next.counted = true;
                let labels = [("status", status), ("type", kind), ("pool", pool)];
                self.add("workspace_screen_record_transitions_total", &labels, 1.0);
                let labels = [("user", user.as_str()), ("status", status)];
                self.add("workspace_user_screen_record_transitions_total", &labels, 1.0);
                if row.record.status == Status::UploadCompleted {
                    let labels = [("type", kind), ("pool", pool.as_str())];
                    let size = row.record.size.filter(|size| *size >= 0).unwrap_or(0) as f64;
                    self.add("workspace_screen_records_uploaded_bytes_total", &labels, size);
                    let seconds = f64::from(row.record.duration.unwrap_or(0));
                    let name = "workspace_screen_records_uploaded_video_seconds_total";
                    self.add(name, &labels, seconds);
                }
            }
            let settled = matches!(status, "REC_FAILED" | "UPLOAD_COMPLETED" | "UPLOAD_FAILED");
            if settled && !next.settled {
                next.settled = true;
                if !is_baseline {
                    let size = row.record.size.map(|size| size as f64);
                    self.observe("workspace_screen_record_file_size_bytes", kind, size);
                    let duration = row.record.duration.map(f64::from);
                    self.observe("workspace_screen_record_video_duration_seconds", kind, duration);
                }
            }
            if row.record.status == Status::UploadCompleted && !next.uploaded {
                next.uploaded = true;
                let delay = row.record.end.map(|end| (row.record.update - end) as f64 / 1000.0);
                if !is_baseline {
                    self.observe("workspace_screen_record_upload_delay_seconds", kind, delay);
                }
            }
            next.row = row.clone();
            self.known.insert(row.record.id, next);
        }
        let left = self.known.values().filter(|known| known.row.record.start < window_start);
        let left: Vec<_> =
            left.map(|known| (known.row.clone(), known.there && !known.returned)).collect();
        for (row, counts) in left {
            self.known.remove(&row.record.id);
            if row.record.status.in_flight() && counts {
                let labels = [("status", row.status()), ("pool", row.pool.as_str())];
                self.add("workspace_screen_records_expired_in_flight_total", &labels, 1.0);
            }
        }
        for (id, known) in &mut self.known {
            known.there = is_there(*id);
        }
        self.last = Some((window_start, filtered));
    }

    /// Whether the next poll is the first one, or the first with a filter or without.
    pub(super) fn begins_anew(&self, filtered: bool) -> bool {
        self.last.is_none_or(|(_, last)| last != filtered)
    }

    /// Whether a poll could see a record that has not left the window since.
    pub(super) fn knows(&self, id: u128) -> bool {
        self.known.contains_key(&id)
    }

    /// Whether a record is on its way, as far as polls could see. One that was not there at the last
    /// poll is found by its count when it returns.
    pub(super) fn is_in_flight(&self, id: u128) -> bool {
        let known = self.known.get(&id);
        known.is_some_and(|known| known.there && known.row.record.status.in_flight())
    }

    /// The samples of counters and of the sums and counts of histograms that do not stand at 0.
    pub(super) fn counters(&self) -> &BTreeMap<String, f64> {
        &self.counters
    }

    /// The failures that are counted and neither solved nor out of the window nor out of the API.
    pub(super) fn unresolved(&self, is_there: impl Fn(u128) -> bool) -> BTreeMap<String, f64> {
        let mut unresolved = BTreeMap::new();
        for (id, known) in &self.known {
            let status = known.row.status();
            if known.counted && matches!(status, "REC_FAILED" | "UPLOAD_FAILED") && is_there(*id) {
                let labels =
                    [("status", status), ("type", known.row.kind()), ("pool", &known.row.pool)];
                let name = sample("workspace_screen_records_unresolved", &labels);
                *unresolved.entry(name).or_default() += 1.0;
            }
        }
        unresolved
    }

    /// The failed records that have not left the window, as polls could see them last.
    pub(super) fn failures(&self) -> List {
        let known = self.known.iter();
        let failed = known.filter(|(_, known)| {
            matches!(known.row.record.status, Status::RecFailed | Status::UploadFailed)
        });
        let listed = failed.map(|(id, known)| {
            let (row, record) = (&known.row, &known.row.record);
            let listed = Listed {
                status: row.status().to_owned(),
                kind: row.kind().to_owned(),
                pool: row.pool.clone(),
                user: row.user.clone(),
                desktop: row.desktop.clone(),
                size: record.size,
                start: record.start,
                update: record.update,
                has_file: row.has_file,
                counted: known.counted,
            };
            (*id, listed)
        });
        listed.collect()
    }

    fn observe(&mut self, name: &str, kind: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| *value >= 0.0) {
            self.add(&format!("{name}_count"), &[("type", kind)], 1.0);
            self.add(&format!("{name}_sum"), &[("type", kind)], value);
        }
    }

    fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if value != 0.0 {
            *self.counters.entry(sample(name, labels)).or_default() += value;
        }
    }
}

fn sample(name: &str, labels: &[(&str, &str)]) -> String {
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!(",{name}=\"{value}\"")).collect();
    format!("{name}{{project=\"p\"{}}}", labels.concat())
}
