//! Texts that an administrator reads if something between the exporter and the API is wrong.

use std::io::Write;
use std::process::Output;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use records_api::clock::{Clock, SystemClock};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::{HarnessOptions, UP};
use crate::support::{Api, Exporter, binary, config, eventually, folder, get, write};

/// Reads the head of a request, writes `answer` and closes the connection.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { break };
        head.push(byte);
    }
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

/// Starts a server that answers everything with these bytes. Returns its address.
async fn server(bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move { answer(stream, &bytes).await });
        }
    });
    address
}

/// A complete answer with this head and body.
fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

const EMPTY_PAGE: &[u8] = b"{\"screen_records\":[],\"desktop_pools\":[],\"total_count\":0}";

/// Runs a command of the exporter with a config. Retries would only take time.
async fn run(command: &str, config: String, environment: &[(&str, &str)]) -> (bool, String) {
    let command = command.to_owned();
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let run = move || {
        let folder = folder();
        let file = write(folder.path(), "config.toml", &config);
        let mut exporter = binary();
        exporter.args(command.split(' ')).arg("--config.file").arg(file).envs(environment);
        exporter.output().unwrap()
    };
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(run).await.unwrap();
    let text = [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).join("");
    (status.success(), text)
}

async fn check(config: String, environment: &[(&str, &str)]) -> (bool, String) {
    run("check --online", config, environment).await
}

const SECRET: &str = "the-proxy-password";

#[tokio::test]
async fn a_proxy_that_refuses_or_is_gone_is_named_with_its_key_and_without_its_password() {
    let gone = "127.0.0.1:1".to_owned();
    let loses = "HTTP/1.1 200 OK\r\n\r\n";
    for (proxy, problem, remedy) in [
        (
            server(http("407 Proxy Authentication Required", b"")).await,
            "answered 407 Proxy Authentication Required",
            "requires a user and password, or refused them: check `api.proxy_url`",
        ),
        (
            server(http("403 Forbidden", b"denied")).await,
            "did not answer 200 to CONNECT",
            "the proxy in `api.proxy_url` refused to connect to the server in `projects.endpoint`",
        ),
        (
            server(http("502 Bad Gateway", b"")).await,
            "did not answer 200 to CONNECT",
            "permit CONNECT to that host and port in its rules",
        ),
        (gone, "refused", "check the host and port in `api.proxy_url`, that the proxy runs"),
        (
            server(loses).await,
            "through the proxy",
            "the proxy in `api.proxy_url` connected, then the connection broke",
        ),
    ] {
        let api = format!("[api]\nmax_retries = 0\nproxy_url = \"http://user:{SECRET}@{proxy}\"\n");
        let (is_success, text) = check(config("https://records.invalid", &api), &[]).await;
        assert!(!is_success, "{text}");
        let said = text.lines().last().unwrap();
        assert!(said.contains("screen-records cannot be reached through the proxy: "), "{said}");
        assert!(said.contains(problem) && said.contains(remedy), "{problem}: {said}");
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used_and_errors_say_so() {
    let value = format!("http://user:{SECRET}@127.0.0.1:1");
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "http_proxy"] {
        let api = "[api]\nmax_retries = 0\n";
        let (_, text) = check(config("https://records.invalid", api), &[(name, &value)]).await;
        let expected =
            format!("; {name} is set, but the exporter does not use it: set `api.proxy_url`");
        assert!(text.contains(&expected) && !text.contains(SECRET), "{text}");
        let (_, text) = check(config("http://127.0.0.1:1", api), &[(name, &value)]).await;
        assert!(text.contains("cannot be reached") && !text.contains(name), "{text}");
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Starts a server with a certificate for `name`. Returns its port.
    async fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> u16 {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        tls_server(&certificate, &key).await
    }
}

async fn tls_server(certificate: &Certificate, key: &KeyPair) -> u16 {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, &http("200 OK", EMPTY_PAGE)).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_is_described_with_the_remedy() {
    let folder = folder();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    // An authority that has got another key.
    let namesake = Authority::new("ours");
    let file = |name: &str, authority: &Authority| {
        write(folder.path(), name, &authority.0.pem()).display().to_string()
    };
    let (ours_file, other_file) = (file("ours.pem", &ours), file("other.pem", &other));
    let namesake_file = file("namesake.pem", &namesake);
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let (mut own, key) = (own, KeyPair::generate().unwrap());
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = own.self_signed(&key).unwrap();
    let own_file = write(folder.path(), "own.pem", &own.pem()).display().to_string();
    let good = ours.server("localhost", |_| {}).await;
    let late = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 2, 3);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2222, 2, 3);
    let system = |file: &str| [("SSL_CERT_FILE", file.to_owned())];
    for (port, ca_file, roots, problem, remedy) in [
        (good, "", &other_file[..], "UnknownIssuer", "set `api.ca_file` to a file with its"),
        (good, &other_file, "/dev/null", "UnknownIssuer", "the file in `api.ca_file` does not"),
        (good, &namesake_file, "/dev/null", "BadSignature", "the file in `api.ca_file` does not"),
        (good, "", "/dev/null", "UnknownIssuer", "install the package ca-certificates, or set"),
        (
            tls_server(&own, &key).await,
            &own_file,
            "/dev/null",
            "CaUsedAsEndEntity",
            "presents the certificate of an authority (CA:TRUE): give the server",
        ),
        (
            ours.server("localhost", late).await,
            &ours_file,
            "/dev/null",
            "expired",
            "the certificate has expired: renew it on the server",
        ),
        (
            ours.server("localhost", early).await,
            &ours_file,
            "/dev/null",
            "not valid yet",
            "is not valid yet: check this machine's clock (NTP)",
        ),
        (
            ours.server("records.example.org", |_| {}).await,
            &ours_file,
            "/dev/null",
            "not valid for name",
            "belongs to other host names: write the host in `projects.endpoint`",
        ),
    ] {
        let ca_file = match ca_file {
            "" => String::new(),
            path => format!("ca_file = \"{path}\"\n"),
        };
        let config = config(
            &format!("https://localhost:{port}"),
            &format!("[api]\nmax_retries = 0\n{ca_file}"),
        );
        let [(name, value)] = system(roots);
        let (is_success, text) = check(config, &[(name, &value)]).await;
        assert!(!is_success, "{text}");
        let said = text.lines().last().unwrap();
        let because = "screen-records cannot be reached, because the certificate of the server is not accepted";
        assert!(said.contains(because), "{said}");
        assert!(said.contains(problem) && said.contains(remedy), "{remedy}: {said}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_invalid_and_described() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let part = "{\"screen_records\":[";
    let chunk = format!("{:x}\r\n{part}\r\n", part.len());
    let gzip = gzip(&EMPTY_PAGE.repeat(9));
    let half = &gzip[..gzip.len() / 2];
    for (bytes, what) in [
        (
            format!("{head}content-length: 640\r\n\r\n{part}").into_bytes(),
            "the answer broke off after 19 of 640 bytes",
        ),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}").into_bytes(),
            "the answer broke off after 19 bytes",
        ),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}no-length\r\n").into_bytes(),
            "the answer broke off after 19 bytes",
        ),
        (
            http("200 OK\r\ncontent-encoding: gzip", half),
            "its gzip content is incomplete or damaged in the ",
        ),
        (
            http("200 OK\r\ncontent-encoding: gzip", EMPTY_PAGE),
            "its gzip content is incomplete or damaged in the ",
        ),
    ] {
        let url = format!("http://{}", server(bytes).await);
        let (is_success, text) = run("once", config(&url, "[api]\nmax_retries = 0\n"), &[]).await;
        assert!(!is_success && text.contains(what), "{what}: {text}");
        assert!(!text.contains("cannot be reached"), "{text}");
        let count = |code: &str| {
            let labels = format!("project=\"p\",endpoint=\"screen-records\",code=\"{code}\"");
            text.contains(&format!("screen_records_exporter_api_requests_total{{{labels}}} 1"))
        };
        assert!(count("invalid") && !count("connect"), "{text}");
    }
}

#[tokio::test]
async fn a_refusal_whose_body_breaks_off_stays_a_refusal() {
    let head = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 999\r\n\r\n{";
    let url = format!("http://{}", server(head).await);
    let (_, text) = run("once", config(&url, ""), &[]).await;
    assert!(text.contains("screen-records answered 403 Forbidden"), "{text}");
    let once = "endpoint=\"screen-records\",code=\"403\"} 1";
    assert!(text.contains(once), "the request is not repeated: {text}");
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_is_decompressed_whatever_its_spelling_and_other_codings_are_named() {
    let api = "[api]\nmax_retries = 0\n";
    for coding in ["GZIP", "x-gzip", "identity, Gzip"] {
        let head = format!("200 OK\r\nContent-Encoding: {coding}");
        let url = format!("http://{}", server(http(&head, &gzip(EMPTY_PAGE))).await);
        let (is_success, text) = check(config(&url, api), &[]).await;
        assert!(is_success && text.contains("total_count 0"), "{coding}: {text}");
    }
    for (coding, body) in [("br", &b"\x0b\x02\x80{}\x03"[..]), ("gzip, GZIP", &gzip(b"{}"))] {
        let head = format!("200 OK\r\nContent-Encoding: {coding}");
        let url = format!("http://{}", server(http(&head, body)).await);
        let (is_success, text) = check(config(&url, api), &[]).await;
        let expected = format!(
            "answered, but its Content-Encoding is {:?}, not gzip or identity",
            coding.to_lowercase()
        );
        assert!(!is_success && text.contains(&expected), "{text}");
    }
    let url =
        format!("http://{}", server(http("200 OK\r\nContent-Encoding: utf-8", EMPTY_PAGE)).await);
    let (is_success, text) = check(config(&url, api), &[]).await;
    assert!(is_success, "an unknown label does no harm: {text}");
}

#[tokio::test]
async fn an_old_answer_of_a_cache_does_not_blame_the_clock() {
    let api = "[api]\nmax_retries = 0\n";
    let date = |ago: i64| {
        let time = SystemClock.now_millis() - 1000 * ago;
        let time = chrono::DateTime::from_timestamp_millis(time).unwrap();
        time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    for (ago, age, is_good, said) in [
        (840, "\r\nAge: 840", false, "the answer of the API comes from a cache and is 14m old"),
        // A cache that writes its own date.
        (0, "\r\nAge: 7200", false, "the answer of the API comes from a cache and is 2h old"),
        (90, "\r\nAge: 90", true, "warning: the answer comes from a cache and is 1m 30s old"),
        (0, "\r\nAge: 0", true, "same as this machine's"),
        (840, "", false, "look for a proxy or cache that returns old answers"),
    ] {
        let head = format!("200 OK\r\nDate: {}{age}", date(ago));
        let url = format!("http://{}", server(http(&head, EMPTY_PAGE)).await);
        let (is_success, text) = check(config(&url, api), &[]).await;
        assert_eq!(is_success, is_good, "{text}");
        assert!(text.contains(said), "{said}: {text}");
        assert!(age.is_empty() || !text.contains("this machine's clock"), "{text}");
    }
}

#[tokio::test]
async fn check_reports_whether_the_pools_can_be_read() {
    let api = Api::start(&["--records", "50"]);
    let (is_success, text) = check(config(&api.url, ""), &[]).await;
    assert!(is_success && text.contains("#   desktop pools: "), "{text}");
    let api = Api::start(&["--records", "50", "--forbid-pools"]);
    let (is_success, text) = check(config(&api.url, ""), &[]).await;
    assert!(is_success, "{text}");
    let warning =
        "#   warning: the names of the desktop pools cannot be read: desktop-pools answered 403";
    assert!(text.contains(warning) && text.contains("`workspace:desktopPools:list`"), "{text}");
    let without = format!("{}pool_names = false\n", config(&api.url, ""));
    let (is_success, text) = check(without, &[]).await;
    assert!(is_success && !text.contains("desktop pools"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_first_sync_advances_against_a_rate_limit_without_retries() {
    for (allowed, records) in [(3, 1500), (1, 600)] {
        let mut setup = HarnessOptions::new(records);
        setup.options.rate_limit = Some(allowed);
        setup.options.odd_share = 0.0;
        setup.limits.page_size = 10;
        setup.limits.max_retries = 0;
        setup.limits.max_requests_per_second = 10.0;
        let harness = setup.start();
        harness.assert_polls_right(&format!("{allowed} per second")).await;
        assert_eq!(harness.exposed().get(UP), 1.0);
    }
}

#[tokio::test]
async fn a_first_sync_that_is_throttled_says_so_in_the_log_and_on_the_page() {
    let api = Api::start(&["--records", "2000", "--rate-limit", "1"]);
    let more = "[api]\npage_size = 5\nmax_retries = 0\n";
    let exporter = Exporter::start(&config(&api.url, more)).await;
    let page = eventually("the page says so", async || {
        Some(get(&exporter.url).await).filter(|page| page.contains("Throttled: "))
    });
    let page = page.await;
    assert!(page.contains("Remedy: lower <code>api.max_requests_per_second</code>"), "{page}");
    let log = exporter.process.says("first sync throttled").await;
    let line = log.lines().find(|line| line.contains("first sync throttled")).unwrap();
    assert!(line.contains("429 Too Many Requests") && line.contains("api.max_retries"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_first_sync_that_is_always_refused_fails_with_the_remedy() {
    let mut setup = HarnessOptions::new(500);
    setup.limits.max_retries = 0;
    let harness = setup.start();
    harness.set_faults(&["status=429"]);
    let failure = harness.poll().await.unwrap_err();
    assert!(failure.what.contains("429 Too Many Requests"), "{}", failure.what);
    for key in ["`api.max_requests_per_second`", "if `api.max_retries` is 0, raise it"] {
        assert!(failure.remedy.contains(key), "{}", failure.remedy);
    }
    assert!(harness.asked() <= 20, "{} requests", harness.asked());
}
