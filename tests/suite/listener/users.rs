//! Basic auth.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::{Guarded, PASSWORD, hash};

fn file(users: &[(&str, &str)]) -> String {
    let lines = users.iter().map(|(user, password)| format!("  {user}: {}\n", hash(password)));
    format!("basic_auth_users:\n{}", lines.collect::<String>())
}

#[tokio::test]
async fn every_path_requires_the_right_password_and_refusals_are_counted() {
    let guarded = Guarded::start(&file(&[("alice", PASSWORD), ("bob", "other")]), |_| {}).await;
    let right = format!("alice:{PASSWORD}");
    for (credentials, status) in [
        (Some(right.as_str()), 200),
        // Answered from the cache of correct passwords.
        (Some(&right), 200),
        (Some("bob:other"), 200),
        (Some("alice:other"), 401),
        (Some("alice:"), 401),
        (Some("Alice:correct horse: battery"), 401),
        (Some("carol:other"), 401),
        (Some(":"), 401),
        (None, 401),
    ] {
        for path in ["/metrics", "/", "/-/healthy", "/-/ready", "/sd", "/probe?target=p", "/x"] {
            let arguments = credentials.map_or_else(Vec::new, |text| vec!["--user", text]);
            let answer = guarded.http(path, &arguments);
            let expected = if status == 200 && path == "/x" { 404 } else { status };
            assert_eq!(answer.status, expected, "{credentials:?} {path}");
            let is_challenged = answer.head.contains("\r\nwww-authenticate: basic");
            assert_eq!(is_challenged, expected == 401, "{answer:?}");
            assert_eq!(expected == 401, answer.body == "Unauthorized\n", "{answer:?}");
        }
    }
    let metrics = guarded.http("/metrics", &["--user", &right]).body;
    let requests = "screen_records_exporter_http_requests_total";
    for sample in [
        format!("{requests}{{path=\"/-/healthy\",code=\"401\"}} 6\n"),
        format!("{requests}{{path=\"other\",code=\"401\"}} 6\n"),
        format!("{requests}{{path=\"/-/healthy\",code=\"200\"}} 3\n"),
    ] {
        assert!(metrics.contains(&sample), "{sample} is not in\n{metrics}");
    }
    let log = guarded.exporter.process.stderr();
    assert!(!log.contains(PASSWORD) && !log.contains("$2"), "{log}");
}

#[tokio::test]
async fn malformed_headers_are_refused_and_the_scheme_is_case_insensitive() {
    let guarded = Guarded::start(&file(&[("a", "b")]), |_| {}).await;
    for (header, status) in [
        ("Basic YTpi", 200),
        ("bAsIC YTpi", 200),
        ("Basic  YTpi", 200),
        ("Basic YTpj", 401),
        ("Basic", 401),
        ("Basic ", 401),
        ("Basic !!!!", 401),
        ("Basic YWI=", 401),
        ("Basic /////w==", 401),
        ("Bearer YTpi", 401),
        ("YTpi", 401),
    ] {
        let header_line = format!("Authorization: {header}");
        assert_eq!(guarded.http("/", &["-H", &header_line]).status, status, "{header}");
    }
}

#[tokio::test]
async fn a_password_longer_than_bcrypts_limit_is_refused() {
    let longest = "x".repeat(72);
    let guarded = Guarded::start(&file(&[("a", &longest)]), |_| {}).await;
    assert_eq!(guarded.http("/", &["--user", &format!("a:{longest}")]).status, 200);
    assert_eq!(guarded.http("/", &["--user", &format!("a:{longest}y")]).status, 401);
}

#[tokio::test]
async fn every_version_of_bcrypt_hashes_is_accepted() {
    let of_b = hash("b");
    for version in ["$2a$", "$2b$", "$2y$"] {
        let other = of_b.replacen("$2b$", version, 1);
        let guarded = Guarded::start(&format!("basic_auth_users: {{a: {other}}}\n"), |_| {}).await;
        assert_eq!(guarded.http("/", &["--user", "a:b"]).status, 200, "{version}");
    }
}

/// Guesses passwords from an address, on one connection after another.
async fn guess(from: [u8; 4], at: SocketAddr, name: usize) {
    for number in 0_u32.. {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        let Ok(mut stream) = socket.connect(at).await else { continue };
        let guess = STANDARD.encode(format!("alice:{name} {number}"));
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {guess}\r\nConnection: close\r\n\r\n"
        );
        let mut answer = Vec::new();
        if stream.write_all(request.as_bytes()).await.is_ok() {
            let _ = stream.read_to_end(&mut answer).await;
        }
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "a guess was accepted");
    }
}

/// Guesses with 200 connections from `addresses` addresses, and returns how long it took to sign in.
async fn signed_in_after(addresses: u8) -> Duration {
    let costly = bcrypt::hash(PASSWORD, 10).unwrap();
    let guarded = Guarded::start(&format!("basic_auth_users: {{alice: {costly}}}\n"), |_| {}).await;
    let at = guarded.address.parse().unwrap();
    let guessers: Vec<_> = (0..200_u8)
        .map(|name| {
            let from = [127, 0, 1, 1 + name % addresses];
            tokio::spawn(guess(from, at, usize::from(name)))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    let credentials = format!("alice:{PASSWORD}");
    let asked = tokio::task::block_in_place(|| guarded.http("/metrics", &["--user", &credentials]));
    let waited = begun.elapsed();
    for guesser in guessers {
        assert!(!guesser.is_finished(), "a guesser ended");
        guesser.abort();
    }
    assert_eq!(asked.status, 200, "{asked:?}");
    waited
}

#[tokio::test(flavor = "multi_thread")]
async fn guessers_do_not_lock_out_a_client_with_the_right_password() {
    for addresses in [1, 7, 200] {
        let waited = signed_in_after(addresses).await;
        // All the guesses that wait at one time take more than ten seconds.
        assert!(waited < Duration::from_secs(5), "{addresses} addresses: {waited:?}");
    }
}
