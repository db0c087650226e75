//! The simulated API in this process, for the real binary, and its true records.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use records_api::clock::{Clock, SystemClock};
use records_api::record::Timestamp;
use records_api_simulator::{Kind, Options, Simulator, Status, World};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{TOKEN, binary, config, folder, write};

/// One record of a list, by column.
pub(super) type Listed = BTreeMap<String, String>;

/// A simulated API and a folder with a config for it.
pub(super) struct Served {
    pub(super) simulator: Simulator,
    pub(super) url: String,
    pub(super) folder: TempDir,
    pub(super) now: i64,
    shutdown: CancellationToken,
}

impl Served {
    pub(super) async fn start(records: usize, change: impl FnOnce(&mut Options)) -> Self {
        Self::start_with("[api]\nmax_requests_per_second = 1000\n", records, change).await
    }

    pub(super) async fn start_with(
        more: &str,
        records: usize,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let mut options = Options { records, token: Some(TOKEN.to_owned()), ..Options::default() };
        change(&mut options);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let simulator = Simulator::new(&options, || SystemClock.now_millis());
        let shutdown = CancellationToken::new();
        tokio::spawn(records_api_simulator::run(listener, simulator.clone(), shutdown.clone()));
        let folder = folder();
        write(folder.path(), "config.toml", &config(&url, more));
        Self { simulator, url, folder, now: SystemClock.now_millis(), shutdown }
    }

    /// A day in the past, as a flag of the command.
    pub(super) fn days_ago(&self, days: i64) -> String {
        Timestamp::from_millis(self.now - days * 86_400_000).to_rfc3339()
    }

    /// The command with these flags, for the last 16 days unless they say otherwise.
    pub(super) fn command(&self, flags: &[&str]) -> Command {
        let mut command = binary();
        command.arg("records").args(flags).arg("--config.file");
        command.arg(self.folder.path().join("config.toml"));
        let has = |flag: &str| flags.contains(&flag);
        if !has("--start") {
            command.args(["--start", &self.days_ago(16)]);
        }
        if !has("--end") {
            command.args(["--end", &self.days_ago(-1)]);
        }
        command
    }

    pub(super) async fn run(&self, flags: &[&str]) -> Output {
        let mut command = self.command(flags);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The records that the command lists.
    pub(super) async fn list(&self, flags: &[&str]) -> Vec<Listed> {
        let output = self.run(flags).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{flags:?}: {stderr}");
        assert_eq!(stderr, "", "{flags:?}");
        parsed(&output.stdout)
    }

    /// The true records that start at `from` or later, in the order of a list.
    pub(super) fn truth(&self, from: i64) -> Vec<Listed> {
        let mut rows = self.simulator.edit(|world| {
            let records: Vec<_> = world.records_from(from).cloned().collect();
            records.iter().map(|record| row(world, record)).collect::<Vec<_>>()
        });
        rows.sort_by_key(|row| (row["start_time"].clone(), row["id"].clone()));
        rows
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Parses comma-separated values.
pub(super) fn parsed(csv: &[u8]) -> Vec<Listed> {
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().unwrap().clone();
    let row = |row: csv::StringRecord| {
        header.iter().zip(row.iter()).map(|(name, value)| (name.into(), value.into())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Some columns of a list.
pub(super) fn only(rows: &[Listed], columns: &[&str]) -> Vec<Vec<String>> {
    rows.iter().map(|row| columns.iter().map(|name| row[*name].clone()).collect()).collect()
}

/// The columns of a true record that the world has as values.
pub(super) const TRUE_COLUMNS: [&str; 14] = [
    "id",
    "start_time",
    "end_time",
    "update_time",
    "size",
    "duration",
    "status",
    "type",
    "username",
    "desktop_id",
    "desktop_name",
    "desktop_pool_id",
    "obs_bucket",
    "policy_id",
];

fn row(world: &World, record: &records_api_simulator::Record) -> Listed {
    let directory = world.directory();
    let time = |millis: i64| Timestamp::from_millis(millis).to_rfc3339();
    let pool = record.pool.map(|pool| directory.pool_id(pool).to_owned());
    // A row shows the bucket once there is a file.
    let has_file = !matches!(record.status, Status::Recording | Status::RecFailed);
    let bucket = record.bucket.filter(|_| has_file);
    let policy = record.policy.and_then(|policy| directory.policy_id(policy));
    let values = [
        format!("{:032x}", record.id),
        time(record.start),
        record.end.map(time).unwrap_or_default(),
        time(record.update),
        record.size.map(|size| size.to_string()).unwrap_or_default(),
        record.duration.map(|duration| duration.to_string()).unwrap_or_default(),
        code(record.status.code()),
        match record.kind {
            Kind::Unknown => "AUDIO".to_owned(),
            kind => code(kind.code()),
        },
        record.user.map(|user| directory.user_name(user).to_owned()).unwrap_or_default(),
        directory.desktop_id(record.desktop).to_owned(),
        directory.desktop_name(record.desktop).to_owned(),
        pool.unwrap_or_default(),
        bucket.and_then(|bucket| directory.bucket_name(bucket)).unwrap_or_default().to_owned(),
        policy.unwrap_or_default().to_owned(),
    ];
    TRUE_COLUMNS.iter().map(|name| (*name).to_owned()).zip(values).collect()
}

fn code(code: &str) -> String {
    if code == "_none" { String::new() } else { code.to_owned() }
}
