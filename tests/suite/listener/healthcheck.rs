//! The command `healthcheck` beside a running exporter, a stopped one, and foreign servers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use super::{Guarded, TLS, hash};
use crate::support::{binary, folder, write};

const USERS: &str = "basic_auth_users:\n  alice: ";

/// Runs the command with these listen addresses.
fn check(folder: &Path, addresses: &[&str], arguments: &[&str]) -> Output {
    let mut command = binary();
    command.current_dir(folder).arg("healthcheck").args(arguments);
    for address in addresses {
        command.args(["--web.listen-address", address]);
    }
    command.output().unwrap()
}

impl Guarded {
    /// Runs the command with the config of the exporter.
    fn check(&self, addresses: &[&str]) -> Output {
        check(self.folder.path(), addresses, &["--web.config.file", "web-config.yml"])
    }
}

#[track_caller]
fn assert_healthy(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

/// Asserts that the command fails, and returns its line.
#[track_caller]
fn unhealthy(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.stdout.is_empty() && text.lines().count() == 1, "{output:?}");
    text
}

#[tokio::test]
async fn an_exporter_that_serves_is_healthy_whatever_its_web_config_requires() {
    let users = format!("{USERS}{}\n", hash("x"));
    let rate = "rate_limit: {interval: 1h, burst: 1}\n";
    let required = "  client_auth_type: RequireAnyClientCert\n";
    let verified =
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server-ca.crt\n";
    for web_config in [
        String::new(),
        TLS.to_owned(),
        users.clone(),
        rate.to_owned(),
        format!("{TLS}{users}{rate}"),
        format!("{TLS}{required}"),
        format!("{TLS}{verified}"),
        format!("{TLS}  max_version: TLS12\n{required}"),
        format!("{TLS}  min_version: TLS13\n{verified}{users}"),
        format!("{TLS}  client_auth_type: RequestClientCert\n"),
    ] {
        let guarded = Guarded::start(&web_config, |_| {}).await;
        let port = guarded.address.rsplit(':').next().unwrap();
        // The second request exceeds the rate limit.
        for address in [&guarded.address, &format!(":{port}"), &format!("0.0.0.0:{port}")] {
            let output = guarded.check(&[address]);
            assert_eq!(output.status.code(), Some(0), "{web_config}: {output:?}");
            assert_healthy(&output);
        }
        assert_healthy(&guarded.check(&["127.0.0.1:1", &guarded.address]));
    }
}

#[tokio::test]
async fn neither_the_state_nor_the_secrets_of_projects_are_needed() {
    let guarded = Guarded::start("", |_| {}).await;
    let text = "[[projects]]\nname = 'p'\nproject_id = '0'\nendpoint = 'http://127.0.0.1:9'\n\
                auth = { method = 'token', token_file = 'missing' }\n";
    write(guarded.folder.path(), "config.toml", text);
    let mut command = binary();
    command.current_dir(guarded.folder.path()).arg("healthcheck");
    command.args(["--web.listen-address", &guarded.address]);
    command.env("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY", "state");
    assert_healthy(&command.output().unwrap());
    assert!(!guarded.folder.path().join("state").exists());
    let check = binary().current_dir(guarded.folder.path()).arg("check").output().unwrap();
    assert_eq!(check.status.code(), Some(2), "{check:?}");
}

#[tokio::test]
async fn a_stopped_exporter_is_unhealthy_after_the_time_limit() {
    for web_config in ["", TLS] {
        let guarded = Guarded::start(web_config, |_| {}).await;
        let id = guarded.exporter.process.id();
        let signal = |name: &str| Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(signal("STOP").success());
        let output = guarded.check(&[&guarded.address]);
        let start = format!("error: {}/-/healthy: no answer within 3 s; check", guarded.address);
        let text = unhealthy(&output);
        assert!(text.starts_with(&start), "{text}");
        assert!(signal("CONT").success());
        assert_healthy(&guarded.check(&[&guarded.address]));
    }
}

/// A server that answers a connection with these bytes.
fn foreign(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            // The client may have hung up.
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[tokio::test]
async fn what_is_not_the_exporter_is_unhealthy_and_named_with_its_answer() {
    let folder = folder();
    for (answer, expected) in [
        (
            &b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"[..],
            "the answer is 404 Not Found",
        ),
        // There is no web config, so nobody is refused.
        (
            b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            "the answer is 401 Unauthorized",
        ),
        (b"HTTP/1.1 429 x\r\ncontent-length: 0\r\n\r\n", "the answer is 429 Too Many Requests"),
        (b"HTTP/1.1 302 x\r\nlocation: /\r\n\r\n", "the answer is 302 Found"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP: "),
        (b"", "no HTTP answer: "),
    ] {
        let address = foreign(answer);
        let text = unhealthy(&check(folder.path(), &[&address], &[]));
        let start = format!("error: {address}/-/healthy: {expected}");
        assert!(text.starts_with(&start), "{text}");
    }
    let text = unhealthy(&check(folder.path(), &["127.0.0.1:1", "[::1]:1", ":0"], &[]));
    for part in [
        "127.0.0.1:1/-/healthy: cannot connect: ",
        "[::1]:1/-/healthy: cannot connect: ",
        "127.0.0.1:0/-/healthy: the system chooses the port at the start",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_web_config_that_changed_does_not_make_a_serving_exporter_unhealthy() {
    let users = format!("{USERS}{}\n", hash("x"));
    for in_force in [String::new(), users.clone(), TLS.to_owned(), format!("{TLS}{users}")] {
        let guarded = Guarded::start(&in_force, |_| {}).await;
        // The exporter keeps the last valid file, and one that protects more than before is not read yet.
        for file in ["basic_auth_users: 1\n", "", TLS, "{", &format!("{TLS}{users}")] {
            write(guarded.folder.path(), "web-config.yml", file);
            assert_healthy(&guarded.check(&[&guarded.address]));
        }
    }
    // A foreign server is none with a web config either.
    let folder = folder();
    for answer in [&b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n"[..], b"SSH-2.0-x\r\n", b""] {
        let output = check(folder.path(), &[&foreign(answer)], &["--web.config.file", "web.yml"]);
        let text = unhealthy(&output);
        assert!(
            text.contains("the TLS handshake failed: ") && text.contains("without TLS: "),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_invalid_config_has_another_exit_code() {
    let folder = folder();
    write(folder.path(), "unknown.toml", "[web]\nlisten = 1\n");
    write(folder.path(), "broken.toml", "[web\n");
    for arguments in [
        &["--config.file", "unknown.toml"][..],
        &["--config.file", "broken.toml"],
        &["--config.file", "missing.toml"],
        &["--web.listen-address", "x"],
        &["--no.such.flag"],
    ] {
        let output = check(folder.path(), &[], arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && output.stderr.starts_with(b"error: "), "{output:?}");
    }
}
