//! Authentication of the binary: the log lines of all refusals, and that no secret is shown.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use crate::support::{Exporter, Process, binary, eventually, folder, get, get_json, write};

const ACCESS_KEY: &str = "AKOFTHETESTS0001";
const SECRET_KEY: &str = "secret-key/of+the=tests";
const SECURITY_TOKEN: &str = "security-token/of+the=tests==";
const PASSWORD: &str = "pass word of \u{e4} user";
const STATIC: &str = "a-token-that-was-made-elsewhere";

/// Options of all simulated APIs of these tests.
const OPTIONS: [&str; 12] = [
    "--access-key",
    ACCESS_KEY,
    "--secret-key",
    SECRET_KEY,
    "--iam-domain",
    "acme",
    "--iam-user",
    "robot",
    "--iam-password",
    PASSWORD,
    "--records",
    "200",
];

/// Starts a simulated API without the token that the usual helper configures.
fn simulate(arguments: &[&str]) -> (Process, String) {
    let mut command = binary();
    command.args(["simulate", "--listen", "127.0.0.1:0"]).args(OPTIONS).args(arguments);
    let mut process = Process::start(&mut command);
    let url = process.line();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}: {}", process.stderr());
    (process, url)
}

fn config(url: &str, auth: &str, more: &str) -> String {
    format!(
        "{more}\n[[projects]]\nname = \"p\"\nproject_id = \"0123abcd\"\nendpoint = \"{url}\"\n\
         pool_names = false\nauth = {{ {auth} }}\n"
    )
}

fn access_key(id: &str, secret: &str) -> String {
    format!("method = \"aksk\", access_key = \"{id}\", secret_key = \"{secret}\"")
}

fn password(url: &str, password: &str) -> String {
    format!(
        "method = \"password\", iam_endpoint = \"{url}\", domain = \"acme\", username = \"robot\", \
         password = \"{password}\""
    )
}

fn agency(url: &str) -> String {
    format!("method = \"ecs-agency\", metadata_endpoint = \"{url}\"")
}

/// Polls once. Returns whether the poll succeeded, and the log.
fn once(folder: &Path, config: &str) -> (bool, String) {
    let file = write(folder, "config.toml", config);
    let output = binary().args(["once", "--config.file"]).arg(file).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    for secret in [SECRET_KEY, SECURITY_TOKEN, PASSWORD, STATIC, "wrong-secret", "wrong-password"] {
        assert!(!log.contains(secret), "{log}");
    }
    (output.status.success(), log)
}

fn poll_failed(log: &str) -> &str {
    let lines: Vec<_> = log.lines().filter(|line| line.contains("\"poll failed\"")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    lines[0]
}

#[test]
fn all_methods_authenticate_as_configured() {
    let folder = folder();
    let (_simulator, url) = simulate(&["--agency"]);
    let profile = format!("[basic]\nak = {ACCESS_KEY}\nsk = {SECRET_KEY}\n");
    let profile = write(folder.path(), "credentials", &profile);
    let profile = format!("method = \"profile\", profile_file = {:?}", profile.display());
    let key = access_key(ACCESS_KEY, SECRET_KEY);
    for auth in [key, password(&url, PASSWORD), agency(&url), profile] {
        let (is_success, log) = once(folder.path(), &config(&url, &auth, ""));
        assert!(is_success, "{auth}: {log}");
    }
    let mut command = binary();
    command.env("HUAWEICLOUD_SDK_AK", ACCESS_KEY).env("HUAWEICLOUD_SDK_SK", SECRET_KEY);
    let file = write(folder.path(), "config.toml", &config(&url, "method = \"aksk\"", ""));
    let output = command.args(["check", "--online", "--config.file"]).arg(file).output().unwrap();
    let output_text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output_text.contains("# p: signed in"), "{output_text}");
}

#[tokio::test]
async fn the_log_has_a_different_remedy_for_each_refusal() {
    let folder = folder();
    let once = |config: &str| once(folder.path(), config);
    let key = || access_key(ACCESS_KEY, SECRET_KEY);
    let (_simulator, url) = simulate(&[]);
    let wrong = || config(&url, &access_key(ACCESS_KEY, "wrong-secret"), "");

    let (is_success, log) = once(&wrong());
    let line = poll_failed(&log);
    assert!(!is_success && line.contains("level=warn") && line.contains("project=p"), "{line}");
    assert!(line.contains("error=\"screen-records answered 401 Unauthorized ("), "{line}");
    assert!(line.contains("remedy=\"the access key is wrong, deleted or disabled"), "{line}");
    // Five more failures lock the key, also for requests with the right secret.
    (0..5).for_each(|_| assert!(!once(&wrong()).0));
    let (_, log) = once(&config(&url, &key(), ""));
    assert!(
        poll_failed(&log).contains("remedy=\"the access key is locked for five minutes"),
        "{log}"
    );

    let (_, log) = once(&config(&url, &password(&url, "wrong-password"), ""));
    let line = poll_failed(&log);
    assert!(line.contains("request=\"POST /v3/auth/tokens?nocatalog=true\""), "{line}");
    assert!(line.contains("error=\"iam-tokens answered 401 Unauthorized (IAM.0062)\""), "{line}");
    assert!(line.contains("remedy=\"the password is wrong, or the user does not exist"), "{line}");

    let (_, log) = once(&config(&url, &agency(&url), ""));
    let line = poll_failed(&log);
    assert!(line.contains("request=/openstack/latest/securitykey"), "{line}");
    assert!(line.contains("remedy=\"this server has no agency"), "{line}");

    let (_simulator, url) = simulate(&["--project-id", "another"]);
    let (_, log) = once(&config(&url, &key(), ""));
    assert!(poll_failed(&log).contains("remedy=\"the credentials do not belong to this project"));

    let (_simulator, url) = simulate(&["--clock-behind", "20m"]);
    let (_, log) = once(&config(&url, &key(), ""));
    let line = poll_failed(&log);
    assert!(line.contains("clock is 20m"), "{line}");
    assert!(
        line.contains("so the API does not accept its signatures: set the clock (NTP)"),
        "{line}"
    );

    let (_simulator, url) = simulate(&["--fault", "status=403,endpoint=records"]);
    let (_, log) = once(&config(&url, &key(), ""));
    let grant = "remedy=\"grant the user the IAM action `workspace:screenRecord:list`";
    assert!(poll_failed(&log).contains(grant), "{log}");

    let (_simulator, url) = simulate(&["--token-lifetime", "1s"]);
    let token = token(&url).await;
    let auth = format!("method = \"token\", token = \"{token}\"");
    let line = eventually("the token expires", async || {
        let (is_success, log) = once(&config(&url, &auth, ""));
        (!is_success).then(|| poll_failed(&log).to_owned())
    });
    let line = line.await;
    assert!(line.contains("remedy=\"the token has expired or was revoked"), "{line}");
}

/// Obtains a token from IAM.
async fn token(url: &str) -> String {
    let body = serde_json::json!({"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "domain": {"name": "acme"}, "name": "robot", "password": PASSWORD,
        }}},
        "scope": {"project": {"id": "0123abcd"}},
    }});
    let request = crate::support::client()
        .post(format!("{url}/v3/auth/tokens?nocatalog=true"))
        .header("content-type", "application/json")
        .body(body.to_string());
    let response = request.send().await.unwrap();
    response.headers()["x-subject-token"].to_str().unwrap().to_owned()
}

/// Responses of a hostile server. The last one is a refusal, which ends the requests.
const FAULTS: [&str; 9] = [
    "kind=echo,status=400",
    "kind=echo,status=500,as=base64",
    "kind=echo,status=403,as=url",
    "kind=redirect",
    "kind=html",
    "kind=reset",
    "kind=hang",
    "kind=echo,status=404,as=json-escaped",
    "kind=echo,as=base64-all",
];

async fn set_faults(url: &str, faults: &[String]) {
    let request = crate::support::client()
        .post(format!("{url}/simulator/faults"))
        .header("content-type", "application/json")
        .body(serde_json::to_string(faults).unwrap());
    request.send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    let (_simulator, url) = simulate(&["--agency", "--token", STATIC]);
    let token = format!("method = \"token\", token = \"{STATIC}\"");
    let temporary =
        format!("{}, security_token = \"{SECURITY_TOKEN}\"", access_key("AK2", SECRET_KEY));
    let more = "[log]\nlevel = \"trace\"\n[poll]\nmin_interval = \"0s\"\nmode = \"background\"\n\
                [api]\nmax_retries = 0\nrequest_timeout = \"1s\"\n\
                proxy_url = \"http://user:the-proxy-password@127.0.0.1:1\"\n";
    let key = || access_key(ACCESS_KEY, SECRET_KEY);
    for (auth, endpoint) in [
        (token, "records"),
        (key(), "records"),
        (temporary, "records"),
        (password(&url, PASSWORD), "records"),
        (password(&url, PASSWORD), "tokens"),
        (agency(&url), "metadata_token"),
        (agency(&url), "security_key"),
    ] {
        let text = config(&url, &auth, more);
        for fault in FAULTS {
            set_faults(&url, &[format!("{fault},endpoint={endpoint}")]).await;
            // Restarts, because credentials are obtained at the start.
            let exporter = Exporter::start(&text).await;
            eventually("a poll fails", async || (failures(&exporter).await > 0.0).then_some(()))
                .await;
            let shown = [
                get(&exporter.url).await,
                get(&format!("{}/metrics", exporter.url)).await,
                get(&format!("{}/-/ready", exporter.url)).await,
                exporter.process.stderr(),
            ];
            assert_shows_no_secret(&shown, &format!("{auth} {fault}"));
        }
        let folder = folder();
        let file = write(folder.path(), "config.toml", &text);
        let checked = binary().args(["check", "--online", "--config.file"]).arg(file).output();
        let checked = checked.unwrap();
        let said = [checked.stdout, checked.stderr].map(|said| String::from_utf8(said).unwrap());
        assert_shows_no_secret(&said, &format!("check of {auth}"));
        set_faults(&url, &[]).await;
    }
}

/// Fails if a text contains a secret, in whole or in part, in plain text or encoded.
fn assert_shows_no_secret(texts: &[String], where_from: &str) {
    let secrets = [SECRET_KEY, SECURITY_TOKEN, PASSWORD, STATIC, "the-proxy-password"];
    let encoded =
        ["c2VjcmV0LWtle", "cGFzcyB3b3Jk", "dGhlLXByb3h5", "secret%2Dkey%2F", "pass%20word"];
    for secret in secrets.iter().chain(&encoded) {
        let found = texts.iter().find(|text| text.contains(secret));
        assert_eq!(found, None, "{secret} by {where_from}");
    }
}

async fn failures(exporter: &Exporter) -> f64 {
    let polls = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";
    exporter.metrics().await.get(polls)
}

#[tokio::test]
async fn tokens_of_forty_thousand_bytes_are_sent() {
    let (_simulator, url) = simulate(&["--token-bytes", "40000"]);
    let folder = folder();
    let (is_success, log) = once(folder.path(), &config(&url, &password(&url, PASSWORD), ""));
    assert!(is_success, "{log}");
    let requests = get_json(&format!("{url}/simulator/requests")).await;
    assert_eq!(requests["counts"]["tokens"]["201"].as_u64(), Some(1), "{requests}");
}

#[test]
fn the_metadata_service_is_never_reached_through_the_proxy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let heads = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = String::new();
            BufReader::new(&stream).read_line(&mut head).unwrap();
            let is_last = head.contains("the-last");
            heads.push(head);
            let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
            if is_last {
                return heads;
            }
        }
        heads
    });
    let more = format!("[api]\nmax_retries = 0\nproxy_url = \"{proxy}\"\n");
    let folder = folder();
    let poll = |host: &str, auth: &str| {
        let text = config(&format!("http://{host}"), auth, &more);
        once(folder.path(), &text.replace("pool_names", "insecure_http = true\npool_names"))
    };
    // A host name, so that only the wiring keeps the request from the proxy.
    let (_, log) = poll("records.invalid", &agency("http://metadata.invalid"));
    assert!(poll_failed(&log).contains("metadata-token cannot be reached"), "{log}");
    let (_, log) = poll("the-last.invalid", &access_key(ACCESS_KEY, SECRET_KEY));
    assert!(poll_failed(&log).contains("503"), "{log}");
    let heads = heads.join().unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
}
