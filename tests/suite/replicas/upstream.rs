//! The API of a project, whose records a test changes and whose counts it knows.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use records_api::clock::{Clock, SystemClock};
use records_api_simulator::{Endpoint, Kind, Options, Record, Simulator, Status, World, run};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::TOKEN;

/// A record enters each of them at most once, so a poll cannot miss an entry.
const FINAL: [Status; 3] = [Status::RecFailed, Status::UploadCompleted, Status::UploadFailed];
const KINDS: [Kind; 2] = [Kind::Full, Kind::Session];
const USERS: u32 = 6;
const POOLS: u32 = 3;

pub(super) type Samples = BTreeMap<String, f64>;

pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) simulator: Simulator,
    url: String,
    changes: Mutex<Changes>,
    _shutdown: DropGuard,
}

/// Random numbers, and the records that a test has begun and not yet ended.
struct Changes {
    rng: Xoshiro256PlusPlus,
    in_flight: Vec<u128>,
}

impl Upstream {
    /// Starts an API on a free port of an IP address.
    pub(super) async fn start(number: usize, ip: &str, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            seed: number as u64 + 1,
            records: 60,
            users: USERS,
            desktops: 20,
            pools: POOLS,
            token: Some(TOKEN.to_owned()),
            ..Options::default()
        };
        change(&mut options);
        let simulator = Simulator::new(&options, || SystemClock.now_millis());
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(run(listener, simulator.clone(), shutdown.clone()));
        let rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
        Self {
            name: format!("p{number}"),
            simulator,
            url,
            changes: Mutex::new(Changes { rng, in_flight: Vec::new() }),
            _shutdown: shutdown.drop_guard(),
        }
    }

    /// Returns the section of the config. More keys of the project may follow.
    pub(super) fn section(&self) -> String {
        format!(
            "[[projects]]\nname = \"{}\"\nproject_id = \"0123abcd\"\nendpoint = \"{}\"\n\
             insecure_http = true\nauth = {{ method = \"token\", token = \"{TOKEN}\" }}\n",
            self.name, self.url
        )
    }

    /// Makes so many random changes: records appear in a final status, or begin and end.
    pub(super) fn change(&self, count: usize) {
        let mut changes = self.changes.lock().unwrap();
        self.simulator.edit(|world| {
            for _ in 0..count {
                changes.make_one(world);
            }
        });
    }

    /// Adds failed uploads of equal labels: FULL, the first user, the first pool.
    pub(super) fn fail(&self, count: usize) {
        let mut changes = self.changes.lock().unwrap();
        self.simulator.edit(|world| {
            for _ in 0..count {
                let mut record = changes.random_record(world, Status::UploadFailed);
                (record.kind, record.user, record.pool) = (Kind::Full, Some(0), Some(0));
                assert!(world.insert(record));
            }
        });
    }

    /// Ends all records that a change has begun.
    pub(super) fn end_records(&self) {
        let mut changes = self.changes.lock().unwrap();
        let ids = std::mem::take(&mut changes.in_flight);
        self.simulator.edit(|world| {
            for id in ids {
                assert!(world.set_status(id, Status::UploadCompleted));
            }
        });
    }

    /// Returns the number of requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.simulator.requests().total
    }

    /// Returns the number of requests for lists of records so far.
    pub(super) fn list_requests(&self) -> u64 {
        self.simulator.requests().of(Endpoint::Records)
    }

    /// Returns the counters of all entries into a final status so far, and what follows from them.
    pub(super) fn counters(&self) -> Samples {
        let truth = self.simulator.truth(i64::MIN);
        let project = format!("project=\"{}\"", self.name);
        let mut samples = Samples::new();
        let mut add = |name: &str, labels: String, value: f64| {
            if value > 0.0 {
                *samples.entry(format!("workspace_{name}{{{project},{labels}}}")).or_default() +=
                    value;
            }
        };
        let is_final = |status: &str| FINAL.iter().any(|known| known.code() == status);
        for flow in truth.pool_flows.iter().filter(|flow| is_final(flow.status)) {
            let (kind, entered) = (format!("type=\"{}\"", flow.kind), flow.entered as f64);
            let labels = format!("status=\"{}\",{kind},pool=\"{}\"", flow.status, flow.pool);
            add("screen_record_transitions_total", labels, entered);
            add("screen_record_file_size_bytes_count", kind.clone(), entered);
            add("screen_record_video_duration_seconds_count", kind, entered);
        }
        for flow in truth.user_flows.iter().filter(|flow| is_final(flow.status)) {
            let labels = format!("user=\"{}\",status=\"{}\"", flow.user, flow.status);
            add("user_screen_record_transitions_total", labels, flow.entered as f64);
        }
        for flow in &truth.uploads {
            let labels = format!("type=\"{}\",pool=\"{}\"", flow.kind, flow.pool);
            add("screen_records_uploaded_bytes_total", labels.clone(), flow.size as f64);
            add("screen_records_uploaded_video_seconds_total", labels, flow.duration as f64);
        }
        let appeared = self.simulator.edit(|world| {
            let pool = |pool: Option<u32>| {
                pool.map_or("_none".to_owned(), |pool| world.directory().pool_id(pool).to_owned())
            };
            let cells = world.flows().appeared.iter();
            cells.map(|((kind, id), count)| (kind.code(), pool(*id), *count)).collect::<Vec<_>>()
        });
        for (kind, pool, count) in appeared {
            let labels = format!("type=\"{kind}\",pool=\"{pool}\"");
            add("screen_records_seen_total", labels, count as f64);
        }
        samples
    }
}

impl Changes {
    fn make_one(&mut self, world: &mut World) {
        match self.rng.random_range(0..4) {
            0 => {
                let record = self.random_record(world, Status::Recording);
                self.in_flight.push(record.id);
                assert!(world.insert(record));
            }
            1 if !self.in_flight.is_empty() => {
                let place = self.rng.random_range(0..self.in_flight.len());
                let id = self.in_flight.swap_remove(place);
                let failed = self.rng.random_bool(0.2);
                let status = if failed { Status::UploadFailed } else { Status::UploadCompleted };
                assert!(world.set_status(id, status));
            }
            _ => {
                let status = FINAL[self.rng.random_range(0..FINAL.len())];
                let record = self.random_record(world, status);
                assert!(world.insert(record));
            }
        }
    }

    /// Returns a record that starts now and has a size if it is settled.
    fn random_record(&mut self, world: &World, status: Status) -> Record {
        let rng = &mut self.rng;
        let mut record = Record::new(u128::from(rng.next_u64()), world.now());
        record.status = status;
        record.kind = KINDS[rng.random_range(0..KINDS.len())];
        record.user = Some(rng.random_range(0..USERS));
        record.pool = Some(rng.random_range(0..POOLS)).filter(|_| rng.random_bool(0.8));
        if status != Status::Recording {
            record.end = Some(record.start);
            record.size = Some(rng.random_range(1..1 << 30));
            record.duration = Some(rng.random_range(1..3600));
        }
        record
    }
}
