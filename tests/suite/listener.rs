//! The listener with a web config: the real binary, with curl as the client.

mod bad_files;
pub(crate) mod certificates;
mod changes;
mod healthcheck;
mod page;
mod users;

use std::path::Path;
use std::process::Command;

use crate::support::{Exporter, PATIENCE, Process, binary, config, folder, write};
use certificates::Authority;

/// Password of the test users.
const PASSWORD: &str = "correct horse: battery";

/// Hashes with a low cost, to keep the tests fast.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

/// Answer received by curl.
#[derive(Debug)]
struct Answer {
    /// HTTP status; 0 if there was no answer.
    status: u16,
    /// Exit code of curl.
    exit: i32,
    head: String,
    body: String,
}

/// Exporter with a web config, and the folder with its files: a server certificate, the authority that
/// signed it, and files that a test adds.
struct Guarded {
    exporter: Exporter,
    folder: tempfile::TempDir,
    address: String,
}

/// Enables TLS with the certificate that every folder has.
const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

impl Guarded {
    /// Starts the exporter with this web config, after `prepare` has written other files.
    async fn start(web_config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = folder();
        Authority::new().server().write(folder.path(), "server");
        prepare(folder.path());
        let web = write(folder.path(), "web-config.yml", web_config);
        // Nothing listens on this port, because these tests do not need the API.
        let text = config("http://127.0.0.1:9", "[api]\nmax_retries = 0\n");
        let file = write(folder.path(), "config.toml", &text);
        let mut command = binary();
        command.arg("--config.file").arg(file).arg("--web.config.file").arg(web);
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let exporter = Exporter::of(Process::start(&mut command)).await;
        let address = exporter.url.strip_prefix("http://").unwrap().to_owned();
        Self { exporter, folder, address }
    }

    fn https(&self, path: &str, arguments: &[&str]) -> Answer {
        let authority = self.folder.path().join("server-ca.crt");
        let authority = authority.to_str().unwrap();
        let arguments = [&["--cacert", authority], arguments].concat();
        curl(self.folder.path(), &format!("https://{}{path}", self.address), &arguments)
    }

    fn http(&self, path: &str, arguments: &[&str]) -> Answer {
        curl(self.folder.path(), &format!("http://{}{path}", self.address), arguments)
    }

    /// Replaces a file atomically, because an incomplete file would be logged as invalid.
    fn write(&self, name: &str, text: &str) {
        let new = write(self.folder.path(), "new", text);
        std::fs::rename(new, self.folder.path().join(name)).unwrap();
    }

    /// Waits until the log contains `words`, and returns the log.
    async fn says(&self, words: &str) -> String {
        self.exporter.process.says(words).await
    }
}

fn curl(folder: &Path, url: &str, arguments: &[&str]) -> Answer {
    let mut command = Command::new("curl");
    command.current_dir(folder).env_clear().args(["-q", "-s", "-S", "-i", "--max-time"]);
    command.arg(PATIENCE.as_secs().to_string());
    let output = command.args(arguments).arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    let exit = output.status.code().unwrap();
    Answer { status, exit, head: head.to_lowercase(), body: body.to_owned() }
}

#[tokio::test]
async fn the_example_of_the_toolkit_enables_tls_and_basic_auth() {
    // From the documentation of the exporter-toolkit, whose tests contain the passwords.
    let example = include_str!("../fixtures/web-config/example.yml");
    let guarded = Guarded::start(example, |_| {}).await;
    let alice = ["--user", "alice:alice123"];
    assert_eq!(guarded.https("/-/healthy", &["--user", "alice:alice123"]).status, 200);
    assert_eq!(guarded.https("/metrics", &["--user", "bob:bob123"]).status, 200);
    assert_eq!(guarded.https("/metrics", &["--user", "bob:alice123"]).status, 401);
    assert_eq!(guarded.https("/metrics", &[]).status, 401);
    let plain = guarded.http("/metrics", &alice);
    assert_eq!((plain.status, plain.body.as_str()), (0, ""), "{plain:?}");
    assert!(guarded.exporter.process.stderr().contains("scheme=https"));
    let targets = guarded.https("/sd", &alice).body;
    assert!(targets.contains("\"__scheme__\":\"https\""), "{targets}");
    // HTTP/2 is the toolkit's default, but the exporter supports only HTTP/1.1.
    let both = guarded.https("/-/healthy", &["--http2", "--user", "alice:alice123"]);
    assert!(both.head.starts_with("http/1.1 200"), "{both:?}");
}

#[tokio::test]
async fn without_a_web_config_every_client_gets_plain_http() {
    let text = config("http://127.0.0.1:9", "[api]\nmax_retries = 0\n");
    let exporter = Exporter::start(&text).await;
    let answer = curl(Path::new("/"), &format!("{}/-/healthy", exporter.url), &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "The exporter is healthy.\n"));
    assert!(exporter.process.stderr().contains("scheme=http "));
}

#[tokio::test]
async fn tls_versions_suites_and_curves_follow_the_web_config() {
    let newest = Guarded::start(&format!("{TLS}  min_version: TLS13\n"), |_| {}).await;
    let old = newest.https("/-/healthy", &["--tls-max", "1.2"]);
    assert_eq!((old.status, old.exit), (0, 35), "{old:?}");
    assert_eq!(newest.https("/-/healthy", &[]).status, 200);

    let narrow = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n  \
                  curve_preferences: [CurveP384]\n";
    let narrow = Guarded::start(&format!("{TLS}{narrow}"), |_| {}).await;
    for (arguments, status) in [
        (&["--curves", "P-384:P-256"][..], 200),
        (&["--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"], 200),
        (&["--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"], 0),
        (&["--curves", "P-256:X25519"], 0),
        (&["--tlsv1.3"], 0),
    ] {
        assert_eq!(narrow.https("/-/healthy", arguments).status, status, "{arguments:?}");
    }
}

#[tokio::test]
async fn the_configured_headers_are_on_every_answer() {
    let headers = "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    \
                   Strict-Transport-Security: max-age=31536000; includeSubDomains\n    \
                   X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n    \
                   Content-Security-Policy: \"default-src 'self'\"\n";
    let guarded = Guarded::start(headers, |_| {}).await;
    for (path, status) in [("/metrics", 200), ("/", 200), ("/nowhere", 404), ("/probe", 400)] {
        let answer = guarded.http(path, &[]);
        assert_eq!(answer.status, status);
        for header in [
            "x-frame-options: deny",
            "strict-transport-security: max-age=31536000; includesubdomains",
            "x-content-type-options: nosniff",
            "x-xss-protection: 1",
            "content-security-policy: default-src 'self'",
        ] {
            let found = answer.head.lines().filter(|line| line == &header).count();
            assert_eq!(found, 1, "{path}: {header}: {}", answer.head);
        }
    }
}

#[tokio::test]
async fn the_rate_limit_applies_to_all_clients_together() {
    let rate = "rate_limit:\n  interval: 10m\n  burst: 3\n";
    let guarded = Guarded::start(rate, |_| {}).await;
    let statuses: Vec<_> = (0..5).map(|_| guarded.http("/-/healthy", &[]).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn the_demo_supports_a_web_config_and_prints_its_url() {
    let folder = folder();
    Authority::new().server().write(folder.path(), "server");
    write(folder.path(), "web-config.yml", TLS);
    let mut demo = binary();
    demo.current_dir(folder.path()).args(["demo", "--web.listen-address", "127.0.0.1:0"]);
    let mut process = Process::start(demo.args(["--web.config.file", "web-config.yml"]));
    let url = loop {
        let line = process.line();
        if let Some(url) = line.split_whitespace().find(|word| word.ends_with("/metrics")) {
            break url.to_owned();
        }
    };
    assert!(url.starts_with("https://"), "{url}");
    let answer = curl(folder.path(), &url, &["--cacert", "server-ca.crt"]);
    assert_eq!(answer.status, 200, "{answer:?}");
}
