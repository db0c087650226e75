//! The config read again while the process serves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError::Timeout;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::{
    Api, Exporter, Metrics, PATIENCE, Process, binary, client, eventually, folder, get, project,
};

const SUCCESS: &str = "screen_records_exporter_config_last_reload_successful";

/// An exporter whose config and state lie in a folder.
struct Scene {
    api: Api,
    folder: tempfile::TempDir,
    exporter: Exporter,
}

/// A project whose polls come only when they are asked for.
fn rarely(more: &str) -> String {
    format!("[poll]\nmin_interval = '1h'\ncounter_hold = '0s'\n{more}\n")
}

impl Scene {
    async fn begin(config: impl Fn(&Api) -> String) -> Self {
        let api = Api::start(&["--records", "300"]);
        let folder = folder();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config(&api)).unwrap();
        let mut command = binary();
        let state = folder.path().join("state");
        command
            .env("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY", state)
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(&file);
        let exporter = Exporter::of(Process::start(&mut command)).await;
        Self { api, folder, exporter }
    }

    fn write(&self, config: &str) {
        std::fs::write(self.folder.path().join("config.toml"), config).unwrap();
    }

    /// Writes a config and asks for it to be read: status and text.
    async fn reload(&self, config: &str) -> (u16, String) {
        self.write(config);
        let request = client().post(format!("{}/-/reload", self.exporter.url));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Writes a config and lets a signal say so.
    fn hangup(&self, config: &str) {
        self.write(config);
        let sent = Command::new("kill").args(["-s", "HUP", &self.exporter.process.id()]).status();
        assert!(sent.unwrap().success());
    }

    async fn up(&self, name: &str) -> Metrics {
        let up = format!("workspace_screen_records_up{{project=\"{name}\"}}");
        self.exporter.scraped_until(&up, 1.0).await
    }
}

fn snapshot(metrics: &Metrics, name: &str) -> f64 {
    let snapshot = "workspace_screen_records_snapshot_timestamp_seconds";
    metrics.get(&format!("{snapshot}{{project=\"{name}\"}}"))
}

/// A connection that is used again and again, since an idle one ends after some seconds.
struct Connection {
    stop: Sender<()>,
    asking: JoinHandle<()>,
}

impl Connection {
    fn open(url: &str) -> Self {
        let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let (stop, stopped) = mpsc::channel();
        let asking = std::thread::spawn(move || {
            loop {
                connection.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                let mut answer = [0; 1024];
                let read = connection.read(&mut answer).unwrap();
                assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK\r\n"), "{read}");
                if stopped.recv_timeout(Duration::from_millis(200)) != Err(Timeout) {
                    return;
                }
            }
        });
        Self { stop, asking }
    }

    /// Fails if the connection ended before.
    fn close(self) {
        drop(self.stop);
        self.asking.join().unwrap();
    }
}

#[tokio::test]
async fn projects_come_and_go_and_the_others_keep_what_they_have() {
    let config = |api: &Api, names: &[&str]| {
        names.iter().fold(rarely(""), |text, name| text + &project(name, &api.url))
    };
    let scene = Scene::begin(|api| config(api, &["p"])).await;
    let first = snapshot(&scene.up("p").await, "p");
    let connection = Connection::open(&scene.exporter.url);

    let (status, text) = scene.reload(&config(&scene.api, &["p", "q"])).await;
    assert_eq!((status, text.as_str()), (200, "The config was reloaded.\n"));
    let metrics = scene.up("q").await;
    assert_eq!(snapshot(&metrics, "p").to_bits(), first.to_bits(), "it was not polled again");
    assert_eq!(metrics.get("workspace_screen_records_up{project=\"p\"}"), 1.0);
    assert_eq!(metrics.get(SUCCESS), 1.0);
    let at = "screen_records_exporter_config_last_reload_success_timestamp_seconds";
    assert!(metrics.get(at) > metrics.get("process_start_time_seconds"));
    assert!(get(&format!("{}/sd", scene.exporter.url)).await.contains("\"q\""));

    for _ in 0..2 {
        scene.hangup(&config(&scene.api, &["p"]));
        eventually("q is gone", async || {
            let text = get(&format!("{}/metrics", scene.exporter.url)).await;
            (!text.contains("project=\"q\"")).then_some(())
        })
        .await;
        let probe = client().get(format!("{}/probe?target=q", scene.exporter.url));
        assert_eq!(probe.send().await.unwrap().status(), 404);
        // Its state is free again, and goes on.
        assert_eq!(scene.reload(&config(&scene.api, &["q", "p"])).await.0, 200);
        let metrics = scene.up("q").await;
        assert_eq!(snapshot(&metrics, "p").to_bits(), first.to_bits());
    }
    connection.close();
}

#[tokio::test]
async fn a_bad_config_changes_nothing_and_shows() {
    let good = |api: &Api| rarely("") + &project("p", &api.url);
    let scene = Scene::begin(good).await;
    let before = snapshot(&scene.up("p").await, "p");
    let unreadable = "[labels]\nuser = 'hash'\nuser_hash_key_file = '/nowhere'\n";
    let cases = [
        ("[poll", "config.toml"),
        ("[poll]\nwindow = 'soon'\n", "poll.window: \"soon\" is not accepted"),
        (unreadable, "labels.user_hash_key_file"),
        ("[api]\nca_file = '/nowhere'\n", "api.ca_file"),
        ("[web]\ntelemetry_path = '/m'\n", "web.telemetry_path takes effect only after a restart"),
        (
            "[web]\nmax_concurrent_requests = 7\n",
            "web.max_concurrent_requests takes effect only after a restart",
        ),
        ("[log]\nlevel = 'debug'\n", "log.level takes effect only after a restart"),
    ];
    for (more, why) in cases {
        let (status, text) = scene.reload(&(more.to_owned() + &project("p", &scene.api.url))).await;
        assert_eq!(status, 500, "{more}");
        assert!(text.starts_with("The config was not reloaded, ") && text.contains(why), "{text}");
        let metrics = scene.up("p").await;
        assert_eq!(metrics.get(SUCCESS), 0.0, "{more}");
        assert_eq!(snapshot(&metrics, "p").to_bits(), before.to_bits());
    }
    scene.exporter.process.says("config reload failed").await;
    // A project that cannot begin: its state is not to be had.
    std::fs::create_dir(scene.folder.path().join("state/q.redb")).unwrap();
    let both = good(&scene.api) + &project("q", &scene.api.url) + &project("r", &scene.api.url);
    let (status, text) = scene.reload(&both).await;
    assert!(status == 500 && text.contains("q.redb"), "{status} {text}");
    let ready = get(&format!("{}/-/ready", scene.exporter.url)).await;
    assert_eq!(ready, "The exporter is ready.\n", "neither q nor r is watched");
    // One that could begin before the one that could not.
    let both = good(&scene.api) + &project("r", &scene.api.url) + &project("q", &scene.api.url);
    assert_eq!(scene.reload(&both).await.0, 500);
    let text = get(&format!("{}/metrics", scene.exporter.url)).await;
    assert!(!text.contains("project=\"r\""), "{text}");
    let (status, _) = scene.reload(&good(&scene.api)).await;
    assert_eq!((status, scene.up("p").await.get(SUCCESS)), (200, 1.0));
    let method = client().get(format!("{}/-/reload", scene.exporter.url)).send().await.unwrap();
    assert_eq!(method.status(), 405);
}

#[tokio::test]
async fn a_project_goes_by_what_changed_from_its_next_poll_on() {
    let quick = |more: &str| format!("[poll]\nmin_interval = '0s'\ncounter_hold = '0s'\n{more}\n");
    let scene = Scene::begin(|api| quick("") + &project("p", &api.url)).await;
    let all = scene.up("p").await;
    let sum = |metrics: &Metrics, prefix: &str| metrics.of(prefix).values().sum::<f64>();
    let records = "workspace_screen_records{";
    let counted = "workspace_screen_record_transitions_total{";
    assert!(sum(&all, records) > 200.0);
    let before = sum(&all, counted);

    // Another filter asks for the records of somebody else: the old ones are not shown as theirs.
    let failed = project("p", &scene.api.url) + "filter = { status = 'UPLOAD_COMPLETED' }\n";
    scene.api.fail("status=400").await;
    assert_eq!(scene.reload(&(quick("") + &failed)).await.0, 200);
    let metrics = scene.exporter.metrics().await;
    assert!(metrics.of(records).is_empty(), "nobody knows them yet");
    assert_eq!(sum(&metrics, counted), before, "counters go on");
    scene.api.mend().await;
    let metrics = scene.up("p").await;
    let shown = metrics.of(records);
    assert!(
        shown.iter().all(|(name, n)| *n == 0.0 || name.contains("UPLOAD_COMPLETED")),
        "{shown:?}"
    );
    assert!(sum(&metrics, records) > 0.0 && sum(&metrics, counted) == before);

    // Labels, and what starts a poll.
    let more = quick("mode = 'background'") + "[labels]\nuser = 'drop'\n";
    let labelled = project("p", &scene.api.url) + "labels = { site = 'x' }\n";
    assert_eq!(scene.reload(&(more + &labelled)).await.0, 200);
    let up = "workspace_screen_records_up{project=\"p\",site=\"x\"}";
    let metrics = scene.exporter.scraped_until(up, 1.0).await;
    let users = eventually("users are dropped", async || {
        let metrics = scene.exporter.metrics().await;
        metrics.of("workspace_user_").is_empty().then_some(())
    });
    users.await;
    assert!(metrics.of("workspace_screen_records_up{").len() == 1);
    let asked = scene.api.list_requests().await;
    eventually("it polls by itself", async || {
        (scene.api.list_requests().await > asked + 10).then_some(())
    })
    .await;
    // And no more.
    assert_eq!(scene.reload(&(quick("") + &labelled)).await.0, 200);
    let mut last = 0;
    eventually("it rests", async || {
        let asked = scene.api.list_requests().await;
        (std::mem::replace(&mut last, asked) == asked).then_some(())
    })
    .await;
}

#[tokio::test]
async fn names_are_gone_at_once_though_polls_fail() {
    let scene = Scene::begin(|api| rarely("") + &project("p", &api.url)).await;
    assert!(!scene.up("p").await.of("workspace_user_screen_records{").is_empty());
    let failures = format!("{}/api/v1/failures", scene.exporter.url);
    assert!(get(&failures).await.contains("\"user\":\"user-"));
    scene.api.fail("status=400").await;
    let hash = "[labels]\nuser = 'hash'\nuser_hash_key = 'sixteen characters'\n";
    for more in [hash, "[labels]\nuser = 'drop'\n"] {
        assert_eq!(scene.reload(&(rarely(more) + &project("p", &scene.api.url))).await.0, 200);
        let text = get(&format!("{}/metrics", scene.exporter.url)).await;
        assert!(!text.contains("user=\"user-"), "with {more}");
        assert!(!get(&failures).await.contains("\"user\":\"user-"), "with {more}");
    }
    assert!(!scene.up("p").await.of("workspace_screen_records{").is_empty());
}

#[tokio::test]
async fn what_sleeps_is_woken_and_what_hangs_is_let_go() {
    let slow = |more: &str| format!("[poll]\nmode = 'background'\nmin_interval = '1h'\n{more}\n");
    let scene = Scene::begin(|api| slow("") + &project("p", &api.url)).await;
    scene.up("p").await;
    // A pause of an hour becomes one of no time.
    let quick = "[poll]\nmode = 'background'\nmin_interval = '100ms'\n";
    let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
    assert_eq!(scene.reload(&(quick.to_owned() + &project("p", &scene.api.url))).await.0, 200);
    eventually("it polls again", async || {
        (scene.exporter.metrics().await.get(polls) > 3.0).then_some(())
    })
    .await;
    // A poll that hangs at an API that does not answer, whose project was removed.
    scene.api.fail("kind=hang").await;
    eventually("a request hangs", async || scene.api.hanging().await).await;
    let other = Api::start(&["--records", "10"]);
    let moved = quick.to_owned() + "[api]\nrequest_timeout = '5m'\n" + &project("p", &other.url);
    assert_eq!(scene.reload(&moved).await.0, 200);
    scene.up("p").await;
    // One that hangs does not keep its state from whoever comes next.
    other.fail("kind=hang").await;
    eventually("a request hangs", async || other.hanging().await).await;
    let q = quick.to_owned() + &project("q", &scene.api.url);
    for _ in 0..3 {
        assert_eq!(scene.reload(&q).await.0, 200);
        let (status, text) = scene.reload(&moved).await;
        assert_eq!(status, 200, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_no_answer_and_no_count() {
    let config = |api: &Api, number: usize| {
        let mode = ["scrape", "background"][number % 2];
        let quick = format!("[poll]\nmin_interval = '0s'\nmode = '{mode}'\n");
        let label = format!("labels = {{ turn = '{}' }}\n", number % 3);
        let text = quick + &project("p", &api.url) + &label;
        if number % 4 < 2 { text + &project("q", &api.url) } else { text }
    };
    let scene = Scene::begin(|api| config(api, 0)).await;
    let url = format!("{}/metrics", scene.exporter.url);
    let scrapes = tokio::spawn(async move {
        let mut last = 0.0;
        for _ in 0..200 {
            let metrics = Metrics::parse(&get(&url).await);
            let counters = metrics.of("workspace_screen_records_seen_total{project=\"p\"");
            let seen = counters.values().sum::<f64>();
            assert!(seen >= last, "{seen} after {last}");
            last = seen;
        }
    });
    // More would have to wait.
    for number in 1..10 {
        let (status, text) = scene.reload(&config(&scene.api, number)).await;
        assert_eq!(status, 200, "{text}");
    }
    scrapes.await.unwrap();
    assert!(!scene.exporter.process.stderr().contains("panicked"));
}
