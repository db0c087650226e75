//! The API of one project, whose users, desktops and pools come and go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use records_api_simulator::{Fault, Options, Simulator, Truth, run};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::support::write;

const USERS: u32 = 5;
const DESKTOPS: u32 = 12;
const POOLS: u32 = 2;

/// The simulated API of one project.
pub(super) struct Upstream {
    pub(super) name: String,
    simulator: Simulator,
    url: String,
    token: String,
    token_file: PathBuf,
    _shutdown: tokio_util::sync::DropGuard,
}

impl Upstream {
    pub(super) async fn start(
        number: usize,
        clock: &Clock,
        folder: &Path,
        window: Duration,
        recordings_per_hour: f64,
    ) -> Self {
        let token = format!("token-of-project-{number}");
        let options = Options {
            seed: number as u64,
            records: 100,
            // Each recording makes four changes.
            live: 4.0 * recordings_per_hour / 3600.0,
            window,
            users: USERS,
            desktops: DESKTOPS,
            pools: POOLS,
            token: Some(token.clone()),
            ..Options::default()
        };
        let simulator = Simulator::new(&options, clock.reader());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(run(listener, simulator.clone(), shutdown.clone()));
        let name = format!("project-{number:02}");
        let token_file = write(folder, &format!("{name}.token"), &token);
        Self { name, simulator, url, token, token_file, _shutdown: shutdown.drop_guard() }
    }

    /// Returns the section of the config for a project at this API.
    pub(super) fn section(&self, name: &str, labels: &str) -> String {
        format!(
            "[[projects]]\nname = \"{name}\"\nproject_id = \"0123abcd\"\nendpoint = \"{}\"\n\
             auth = {{ method = \"token\", token_file = \"{}\" }}\nlabels = {{ {labels} }}\n",
            self.url,
            self.token_file.display()
        )
    }

    /// Replaces the oldest user and the oldest two desktops.
    pub(super) fn replace_user(&self, serial: u64) {
        self.simulator.edit(|world| {
            let directory = world.directory_mut();
            directory.add_user(&format!("user of turn {serial}"));
            directory.retire_user();
            for half in ["a", "b"] {
                // Pools are numbered in the order in which they were added.
                let newest = directory.pool_count() - 1;
                let pool = newest - u32::from(half == "b");
                directory.add_desktop(&format!("desktop {serial}{half}"), Some(pool));
                directory.retire_desktop();
            }
        });
    }

    /// Replaces the oldest pool.
    pub(super) fn replace_pool(&self, serial: u64) {
        self.simulator.edit(|world| {
            world.directory_mut().add_pool(&format!("pool of turn {serial}"));
            world.directory_mut().retire_pool();
        });
    }

    /// Sets the fault of this API, or none.
    pub(super) fn set_fault(&self, fault: Option<&str>) {
        let faults: Vec<Fault> = fault.iter().map(|text| text.parse().unwrap()).collect();
        self.simulator.set_faults(faults);
    }

    /// Replaces the token that the exporter reads by another one, or by the valid one.
    pub(super) fn set_token(&self, token: Option<&str>) {
        std::fs::write(&self.token_file, token.unwrap_or(&self.token)).unwrap();
    }

    pub(super) fn truth(&self, from_millis: i64) -> Truth {
        self.simulator.truth(from_millis)
    }
}
