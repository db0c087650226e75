//! The web config is read again when it or a file in it changes, and a broken one changes nothing.

use std::io::{ErrorKind, Read, Write};

use super::{Authority, Guarded, PASSWORD, TLS, hash};
use crate::support::{PATIENCE, eventually};

const CHANGED: &str = "web config reloaded";
const BROKEN: &str = "the last valid web config stays in force";

/// Whether the server shows a certificate that this file's authority vouches for.
fn is_vouched_for(guarded: &Guarded, authority: &str) -> bool {
    let url = format!("https://{}/-/healthy", guarded.address);
    super::curl(guarded.folder.path(), &url, &["--cacert", authority]).status == 200
}

#[tokio::test]
async fn a_certificate_is_replaced_while_it_serves_and_half_a_change_changes_nothing() {
    let guarded = Guarded::start(TLS, |_| {}).await;
    assert!(is_vouched_for(&guarded, "server-ca.crt"));
    let new = Authority::new().server();
    new.write(guarded.folder.path(), "new");
    assert!(!is_vouched_for(&guarded, "new-ca.crt"));

    // The certificate before its key, as many tools write them.
    guarded.write("server.crt", new.certificate());
    let log = guarded.says(BROKEN).await;
    assert!(log.contains("is not the key of the certificate"), "{log}");
    assert!(is_vouched_for(&guarded, "server-ca.crt"));
    assert!(!is_vouched_for(&guarded, "new-ca.crt"));

    guarded.write("server.key", new.key());
    let log = guarded.says(CHANGED).await;
    assert!(is_vouched_for(&guarded, "new-ca.crt"));
    assert!(!is_vouched_for(&guarded, "server-ca.crt"));
    assert_eq!(log.matches(BROKEN).count(), 1, "{log}");
}

#[tokio::test]
async fn a_broken_key_keeps_the_certificate_and_is_logged_once() {
    let guarded = Guarded::start(TLS, |_| {}).await;
    let key = std::fs::read_to_string(guarded.folder.path().join("server.key")).unwrap();
    let secret = key.lines().nth(1).unwrap().to_owned();
    guarded.write("server.key", &format!("-----BEGIN PRIVATE KEY-----\n{secret}\n"));
    guarded.says(BROKEN).await;
    assert!(is_vouched_for(&guarded, "server-ca.crt"));
    // Another change shows that the checks went on meanwhile.
    guarded.write("web-config.yml", &format!("{TLS}  min_version: TLS99\n"));
    let log = guarded.says("TLS99").await;
    assert_eq!(log.matches("contains no private key").count(), 1, "{log}");
    assert!(!log.contains(&secret), "{log}");
    let line = log.lines().find(|line| line.contains("TLS99")).unwrap();
    for words in
        ["level=error", "web-config.yml", "line 4: tls_server_config.min_version", "remedy="]
    {
        assert!(line.contains(words), "{words}: {line}");
    }
    guarded.write("server.key", &key);
    guarded.write("web-config.yml", TLS);
    guarded.says(CHANGED).await;
    assert!(is_vouched_for(&guarded, "server-ca.crt"));
}

#[tokio::test]
async fn users_come_and_go_and_an_empty_file_does_not_open_the_door() {
    let file = |user: &str| format!("basic_auth_users:\n  {user}: {}\n", hash(PASSWORD));
    let guarded = Guarded::start(&file("alice"), |_| {}).await;
    let status =
        |user: &str| guarded.http("/-/healthy", &["--user", &format!("{user}:{PASSWORD}")]).status;
    assert_eq!((status("alice"), status("bob")), (200, 401));
    guarded.write("web-config.yml", &file("bob"));
    guarded.says(CHANGED).await;
    assert_eq!((status("alice"), status("bob")), (401, 200));

    // Emptied in place, as it is for a moment when it is written anew.
    std::fs::write(guarded.folder.path().join("web-config.yml"), "").unwrap();
    guarded.says("has no basic_auth_users any more").await;
    assert_eq!((status("alice"), status("bob")), (401, 200));
    // Half of it.
    guarded.write("web-config.yml", "rate_limit: {burst: 100, interval: 10ms}\n");
    guarded.says("has no basic_auth_users any more").await;
    assert_eq!((status("alice"), status("bob")), (401, 200));
    std::fs::remove_file(guarded.folder.path().join("web-config.yml")).unwrap();
    guarded.says("cannot be read").await;
    assert_eq!((status("alice"), status("bob")), (401, 200));
    guarded.write("web-config.yml", &file("alice"));
    eventually("alice is back", async || (status("alice") == 200).then_some(())).await;
}

#[tokio::test]
async fn tls_can_be_turned_on_and_connections_from_before_end() {
    let headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n";
    let guarded = Guarded::start(headers, |_| {}).await;
    let mut kept = std::net::TcpStream::connect(&guarded.address).unwrap();
    kept.set_read_timeout(Some(PATIENCE)).unwrap();
    // Whether the connection still answers. It is used again and again, since an idle one ends anyway.
    let mut answers = || {
        let mut answer = [0; 1024];
        let sent = kept.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
        let read = sent.and_then(|()| kept.read(&mut answer));
        match read {
            Ok(0) => false,
            Ok(read) => {
                let answer = String::from_utf8_lossy(&answer[..read]);
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
                true
            }
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::WouldBlock, "neither an answer nor an end");
                false
            }
        }
    };
    assert!(answers());
    guarded.write("web-config.yml", TLS);
    eventually("the connection ends", async || (!answers()).then_some(())).await;
    guarded.says(CHANGED).await;
    assert!(is_vouched_for(&guarded, "server-ca.crt"));
    assert_eq!(guarded.http("/-/healthy", &[]).status, 0);
}
