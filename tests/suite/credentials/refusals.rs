//! Refused credentials are left alone for five minutes by every process that uses them.

use std::path::Path;

use serde_json::Value;

use crate::support::{Exporter, Process, binary, eventually, folder, get_json, write};

const ACCESS_KEY: &str = "AKOFTHETESTS0002";
const SECRET_KEY: &str = "a-secret-key-of-refusals";
const PASSWORD: &str = "a-password-of-refusals";
const UP: &str = "workspace_screen_records_up{project=\"p\"}";

fn simulate(arguments: &[&str]) -> (Process, String) {
    let mut command = binary();
    command.args(["simulate", "--listen", "127.0.0.1:0", "--records", "40"]);
    command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
    command.args(["--iam-domain", "acme", "--iam-user", "robot", "--iam-password", PASSWORD]);
    let mut process = Process::start(command.args(arguments));
    let url = process.line();
    assert!(url.starts_with("http://"), "{url}: {}", process.stderr());
    (process, url)
}

fn aksk(secret: &str) -> String {
    format!("method = \"aksk\", access_key = \"{ACCESS_KEY}\", secret_key = \"{secret}\"")
}

fn password(url: &str, password: &str) -> String {
    format!(
        "method = \"password\", iam_endpoint = \"{url}\", domain = \"acme\", username = \"robot\", \
         password = \"{password}\""
    )
}

fn config(url: &str, auth: &str) -> String {
    format!(
        "[[projects]]\nname = \"p\"\nproject_id = \"0123abcd\"\nendpoint = \"{url}\"\n\
         pool_names = false\nauth = {{ {auth} }}\n"
    )
}

/// The exporter with its state in a folder.
struct Scene<'f> {
    folder: &'f Path,
    state: &'f str,
}

impl Scene<'_> {
    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = binary();
        let state = self.folder.join(self.state);
        command.env("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY", state);
        command.args(arguments).arg("--config.file").arg(self.folder.join("config.toml"));
        command
    }

    /// Runs a command. Returns whether it succeeded, and what it wrote to stderr.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    /// Starts the exporter, waits for the result of its first poll, and kills it.
    async fn serve(&self) -> (f64, String) {
        let mut command = self.command(&["--web.listen-address", "127.0.0.1:0"]);
        let exporter = Exporter::of(Process::start(&mut command)).await;
        let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=";
        let polled = eventually("the first poll ends", async || {
            let metrics = exporter.metrics().await;
            (metrics.of(polls).values().sum::<f64>() > 0.0).then_some(metrics)
        });
        let up = polled.await.get(UP);
        (up, exporter.process.says("message=\"poll ").await)
    }
}

/// Number of answers with a status.
async fn answers(url: &str, endpoint: &str, status: &str) -> u64 {
    let requests = get_json(&format!("{url}/simulator/requests")).await;
    requests["counts"][endpoint][status].as_u64().unwrap_or_default()
}

async fn set_fault(url: &str, fault: &str) {
    let request = crate::support::client()
        .post(format!("{url}/simulator/faults"))
        .header("content-type", "application/json")
        .body(Value::from(vec![fault]).to_string());
    request.send().await.unwrap().error_for_status().unwrap();
}

const CHECK: [&str; 2] = ["check", "--online"];

#[tokio::test]
async fn a_wrong_key_is_refused_once_in_four_starts_three_checks_and_two_polls() {
    let (_simulator, url) = simulate(&[]);
    let folder = folder();
    let scene = Scene { folder: folder.path(), state: "state" };
    write(folder.path(), "config.toml", &config(&url, &aksk("wrong-secret")));
    // A check comes first, before the directory exists.
    let (is_success, text) = scene.run(&CHECK);
    assert!(!is_success && text.contains("answered 401"), "{text}");
    assert_eq!(answers(&url, "records", "401").await, 1);
    for _ in 0..2 {
        let (up, log) = scene.serve().await;
        assert!(up == 0.0 && log.contains(" ago; next attempt in "), "{log}");
        for arguments in [&CHECK[..], &["once"]] {
            let (is_success, text) = scene.run(arguments);
            assert!(!is_success, "{text}");
            assert!(
                text.contains(" ago; next attempt in ") && text.contains("secret_key"),
                "{text}"
            );
            assert!(!text.contains("wrong-secret"), "{text}");
        }
        let (up, _) = scene.serve().await;
        assert_eq!(up, 0.0);
    }
    assert_eq!(answers(&url, "records", "401").await, 1);
    // The correct key is not held back, and the wrong one still is.
    write(folder.path(), "config.toml", &config(&url, &aksk(SECRET_KEY)));
    assert!(scene.run(&CHECK).0);
    assert_eq!(scene.serve().await.0, 1.0);
    write(folder.path(), "config.toml", &config(&url, &aksk("wrong-secret")));
    assert!(!scene.run(&CHECK).0);
    assert_eq!(answers(&url, "records", "401").await, 1);
}

#[tokio::test]
async fn passwords_and_permissions_are_left_alone_after_a_restart_too() {
    let (_simulator, url) = simulate(&[]);
    let folder = folder();
    let scene = Scene { folder: folder.path(), state: "state" };
    write(folder.path(), "config.toml", &config(&url, &password(&url, "wrong")));
    for _ in 0..3 {
        assert_eq!(scene.serve().await.0, 0.0);
        assert!(!scene.run(&CHECK).0);
    }
    assert_eq!(answers(&url, "tokens", "401").await, 1);
    // The token of the next process is another one, but of the same user.
    set_fault(&url, "status=403,endpoint=records").await;
    write(folder.path(), "config.toml", &config(&url, &password(&url, PASSWORD)));
    for _ in 0..3 {
        let (up, log) = scene.serve().await;
        assert!(up == 0.0 && log.contains("IAM action"), "{log}");
        assert!(!scene.run(&CHECK).0);
    }
    assert_eq!(answers(&url, "records", "403").await, 1);
}

#[tokio::test]
async fn a_refusal_is_kept_in_a_small_private_file_without_secrets() {
    use std::os::unix::fs::PermissionsExt;
    let (_simulator, url) = simulate(&[]);
    let folder = folder();
    let scene = Scene { folder: folder.path(), state: "state" };
    let write_key =
        |secret: &str| write(folder.path(), "config.toml", &config(&url, &aksk(secret)));
    write_key("wrong-secret");
    assert!(!scene.run(&CHECK).0);
    let path = folder.path().join("state/refused-credentials.json");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(mode, 0o600);
    assert!(!text.contains("wrong-secret") && !text.contains(ACCESS_KEY), "{text}");
    assert!(text.len() < 1000, "{text}");
    // Whatever the file contains, it neither stops a project nor is it trusted without limit.
    let of_year_3000 = text.replace("\"at_millis\":1", "\"at_millis\":32");
    assert_ne!(of_year_3000, text);
    for content in ["", "{", "[1,2", "\u{0}\u{ff}", "{\"format\":99}", &"[".repeat(1 << 20), "null"]
    {
        std::fs::write(&path, content).unwrap();
        write_key(SECRET_KEY);
        assert_eq!(scene.serve().await.0, 1.0, "{content:.20}");
    }
    let before = answers(&url, "records", "401").await;
    std::fs::write(&path, &of_year_3000).unwrap();
    write_key("wrong-secret");
    let (_, text) = scene.run(&CHECK);
    assert!(text.contains(" ago; next attempt in "), "{text}");
    assert_eq!(answers(&url, "records", "401").await, before);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("\"at_millis\":32"), "{text}");
}

#[tokio::test]
async fn without_a_directory_nothing_is_written() {
    let (_simulator, url) = simulate(&[]);
    let folder = folder();
    write(folder.path(), "config.toml", &config(&url, &aksk("wrong-secret")));
    let mut command = binary();
    command.current_dir(folder.path()).args(["check", "--online"]);
    assert!(!command.output().unwrap().status.success());
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1);
}
