//! A service with a known history, and the command `backfill` at it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use records_api::clock::{Clock, SystemClock};
use records_api::record::{Record, RecordType, Status, Term, Timestamp};
use records_api_simulator::{Flows, Kind, Options, Simulator};

use super::model::Model;
use crate::support::{binary, config, folder, write};

pub(crate) const HOUR: i64 = 3_600_000;
/// Time of the last start before the end of the history. All records are settled after it.
const SETTLING: i64 = 12 * HOUR;

/// A simulated API whose world began days ago, and a config for the project `p` at it.
pub(crate) struct Scene {
    pub(crate) simulator: Simulator,
    pub(crate) folder: tempfile::TempDir,
    /// Time at which the world began, a multiple of an hour.
    pub(crate) begin: i64,
    /// Time up to which it has lived, a multiple of an hour.
    pub(crate) now: i64,
    /// Counts of a perfect observer at ten times.
    pub(crate) observed: Vec<(i64, Flows)>,
}

impl Scene {
    /// Lets so many recordings start within some days, stop, and upload or fail. `more` is added to the
    /// config.
    pub(crate) async fn lived(records: u64, days: i64, more: &str) -> Self {
        let now = SystemClock.now_millis() / HOUR * HOUR;
        let begin = now - days * 24 * HOUR;
        let clock = Arc::new(AtomicI64::new(begin));
        let options = Options {
            records: 0,
            pools: 6,
            users: 40,
            hostile_names: true,
            failure_share: 0.1,
            recording_length: Duration::from_secs(1800),
            ..Options::default()
        };
        let time = clock.clone();
        let simulator = Simulator::new(&options, move || {
            time.load(Ordering::Relaxed).min(SystemClock.now_millis())
        });
        let observed = live(&simulator, &clock, records, begin, now);
        clock.store(i64::MAX, Ordering::Relaxed);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let router = simulator.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = folder();
        write(folder.path(), "config.toml", &config(&api, more));
        Self { simulator, folder, begin, now, observed }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the binary in the folder, with the state in it.
    pub(crate) fn binary(&self) -> Command {
        let mut command = binary();
        command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
        command.current_dir(self.folder.path());
        command
    }

    /// Runs the command.
    pub(crate) fn backfill(&self, arguments: &[&str]) -> Output {
        let mut command = self.binary();
        command.arg("backfill").args(arguments).output().unwrap()
    }

    /// Runs the command for the whole history into the file `history.txt`. Returns what it says.
    pub(crate) fn whole_history(&self, arguments: &[&str]) -> String {
        let (start, end) = (rfc3339(self.begin), rfc3339(self.now));
        let whole = ["--start", &start, "--end", &end, "--output", "history.txt"];
        let output = self.backfill(&[&whole[..], arguments].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    }

    /// Returns the records as the world has them now.
    pub(crate) fn records(&self) -> Vec<Record<'static>> {
        self.simulator.edit(|world| {
            let records = world.records_from(i64::MIN);
            let record = |record: &records_api_simulator::Record| Record {
                end_time: record.end.map(Timestamp::from_millis),
                update_time: Some(Timestamp::from_millis(record.update)),
                size: record.size.map(i64::unsigned_abs),
                duration: record.duration,
                status: Status::parse(record.status.code()).map_or(Term::Absent, Term::Known),
                record_type: RecordType::parse(record.kind.code())
                    .map_or(Term::Absent, Term::Known),
                desktop_pool_id: record
                    .pool
                    .map(|pool| world.directory().pool_id(pool).to_owned().into()),
                username: record
                    .user
                    .map(|user| world.directory().user_name(user).to_owned().into()),
                ..Record::new(format!("{:032x}", record.id), Timestamp::from_millis(record.start))
            };
            records.map(record).collect()
        })
    }

    pub(crate) fn model(&self, step: i64, has_users: bool, constant: &'static str) -> Model {
        let (max_users, max_pools) = (1000, 1000);
        Model { step, end: self.now, max_users, max_pools, has_users, constant }
    }
}

pub(crate) fn rfc3339(millis: i64) -> String {
    Timestamp::from_millis(millis).to_rfc3339()
}

fn live(
    simulator: &Simulator,
    clock: &AtomicI64,
    records: u64,
    begin: i64,
    now: i64,
) -> Vec<(i64, Flows)> {
    let hours = (now - begin) / HOUR;
    let mut times: Vec<_> = (1..=10).map(|tenth| begin + hours * tenth / 10 * HOUR).collect();
    let mut observed = Vec::new();
    let gap = (now - SETTLING - begin) / i64::try_from(records).unwrap();
    for number in 0..records {
        let jitter = i64::try_from(number * 7919 % 1000).unwrap() * gap / 1000;
        let start = begin + i64::try_from(number).unwrap() * gap + jitter;
        while times.first().is_some_and(|time| *time < start) {
            observed.push(observe(simulator, clock, times.remove(0)));
        }
        clock.store(start, Ordering::Relaxed);
        simulator.edit(|world| {
            let part = |count: u64| u32::try_from(number % count).unwrap();
            let record = records_api_simulator::Record {
                pool: Some(part(7)).filter(|pool| *pool < 6),
                user: Some(part(41)).filter(|user| *user < 40),
                kind: [Kind::Full, Kind::Full, Kind::Interval, Kind::Session][part(4) as usize],
                ..records_api_simulator::Record::new(u128::from(number) + 1, start)
            };
            assert!(world.begin(record));
        });
    }
    observed.extend(times.into_iter().map(|time| observe(simulator, clock, time)));
    observed
}

fn observe(simulator: &Simulator, clock: &AtomicI64, time: i64) -> (i64, Flows) {
    clock.store(time, Ordering::Relaxed);
    (time, simulator.edit(|world| world.flows().clone()))
}
