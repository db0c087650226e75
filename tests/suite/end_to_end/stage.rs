//! An API of which a test knows each record, and the real exporter before it, which may be started anew.

use std::path::PathBuf;
use std::process::Command;

use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{Kind, Options, Record, Simulator, Status};

use crate::support::{Exporter, Process, ReservedPort, binary, config, folder, write};

/// Records of the baseline, which are not counted.
const BASELINE: usize = 300;

/// Users, most of whom are not in the baseline.
const USERS: u32 = 1000;

pub(super) struct Stage {
    pub(super) simulator: Simulator,
    /// Where each process of the exporter listens.
    pub(super) url: String,
    /// What it uploaded.
    pub(super) uploaded: Vec<Record>,
    config: PathBuf,
    _port: ReservedPort,
    _folder: tempfile::TempDir,
}

/// A simulated API of this process, and where it is.
pub(super) async fn served(options: &Options) -> (Simulator, String) {
    let simulator = Simulator::new(options, || SystemClock.now_millis());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let router = simulator.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (simulator, api)
}

impl Stage {
    /// An API with a baseline that changes only by what a test does, polled as fast as may be.
    pub(super) async fn begin() -> Self {
        Self::polled("min_interval = \"100ms\"\ncounter_hold = \"1s\"\nmode = \"background\"").await
    }

    /// The same, polled otherwise.
    pub(super) async fn polled(polling: &str) -> Self {
        let options = Options { records: BASELINE, users: USERS, ..Options::default() };
        let (simulator, api) = served(&options).await;

        let folder = folder();
        let port = ReservedPort::new();
        let address = &port.address;
        let more = format!(
            "[web]\nlisten_addresses = [\"{address}\"]\n\
             [state]\ndirectory = \"{}\"\n\
             [poll]\n{polling}\n\
             [api]\nmax_requests_per_second = 1000\n",
            folder.path().join("state").display()
        );
        let config = write(folder.path(), "config.toml", &config(&api, &more));
        let url = format!("http://{address}");
        Self { simulator, url, uploaded: Vec::new(), config, _port: port, _folder: folder }
    }

    /// A process of the exporter that has polled.
    pub(super) async fn exporter(&self) -> Exporter {
        let mut command: Command = binary();
        command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
        command.arg("--config.file").arg(&self.config);
        let exporter = Exporter::of(Process::start(&mut command)).await;
        exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
        exporter
    }

    /// Uploads recordings of two types, each longer and larger, and longer on its way, the higher its
    /// number is.
    pub(super) fn upload(&mut self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            for (kind, factor) in [(Kind::Full, 1), (Kind::Session, 3)] {
                let seconds = factor * (20 + 12 * number * number);
                let length = i64::from(seconds) * 1000;
                let id = u128::from(number) << 64 | kind as u128;
                let record = self.simulator.edit(|world| {
                    let record = Record {
                        end: Some(world.now() - length),
                        update: world.now(),
                        size: Some(length * 30),
                        duration: Some(seconds),
                        status: Status::UploadCompleted,
                        kind,
                        user: Some(USERS - 1 - number),
                        ..Record::new(id, world.now() - 2 * length)
                    };
                    assert!(world.insert(record.clone()));
                    record
                });
                self.uploaded.push(record);
            }
        }
    }

    /// Lets an upload fail. Returns the record's id as the API shows it.
    pub(super) fn fail(&self) -> String {
        let id = self.simulator.edit(|world| world.insert_at(world.now(), Status::UploadFailed));
        format!("{id:032x}")
    }
}
