//! The listener by its web config: the real binary, asked by curl.

mod bad_files;
mod certificates;
mod changes;
mod page;
mod users;

use std::path::Path;
use std::process::Command;

use crate::support::{Exporter, Process, binary, config, eventually, folder, write};
use certificates::Authority;

/// The password whose hash is [`HASH`].
const PASSWORD: &str = "correct horse: battery";

/// A hash of a small cost, since tests are many.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

/// What curl got.
#[derive(Debug)]
struct Answer {
    /// Status; 0 where there was no answer.
    status: u16,
    /// curl's own exit code.
    exit: i32,
    head: String,
    body: String,
}

/// An exporter with a web config, and a folder with the files of it: those of a certificate for this
/// machine, of the authority that signed it, and whatever a test writes there.
struct Guarded {
    exporter: Exporter,
    folder: tempfile::TempDir,
    address: String,
}

/// TLS with the certificate that every folder has.
const TLS: &str = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

impl Guarded {
    /// Starts it with this file, after `prepare` has written others.
    async fn start(web_config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = folder();
        Authority::new().server().write(folder.path(), "server");
        prepare(folder.path());
        let web = write(folder.path(), "web-config.yml", web_config);
        // Nobody listens there: what is asked of the API is of no interest.
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

    /// Replaces a file as a whole: one that is half written would be logged too.
    fn write(&self, name: &str, text: &str) {
        let new = write(self.folder.path(), "new", text);
        std::fs::rename(new, self.folder.path().join(name)).unwrap();
    }

    /// Waits until the log says this.
    async fn says(&self, words: &str) -> String {
        eventually(words, async || {
            let log = self.exporter.process.stderr();
            log.contains(words).then_some(log)
        })
        .await
    }
}

fn curl(folder: &Path, url: &str, arguments: &[&str]) -> Answer {
    let mut command = Command::new("curl");
    command.current_dir(folder).env_clear().args(["-q", "-s", "-S", "-i", "--max-time", "30"]);
    let output = command.args(arguments).arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    let exit = output.status.code().unwrap();
    Answer { status, exit, head: head.to_lowercase(), body: body.to_owned() }
}

#[tokio::test]
async fn the_toolkits_own_example_is_served_by_tls_to_its_users_alone() {
    // As it stands in the documentation of the exporter-toolkit, whose tests tell the passwords.
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
    // HTTP/2 is the toolkit's default, and HTTP/1.1 what both sides can do.
    let both = guarded.https("/-/healthy", &["--http2", "--user", "alice:alice123"]);
    assert!(both.head.starts_with("http/1.1 200"), "{both:?}");
}

#[tokio::test]
async fn without_a_file_everybody_is_served_plainly() {
    let text = config("http://127.0.0.1:9", "[api]\nmax_retries = 0\n");
    let exporter = Exporter::start(&text).await;
    let answer = curl(Path::new("/"), &format!("{}/-/healthy", exporter.url), &[]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "The exporter is healthy.\n"));
    assert!(exporter.process.stderr().contains("scheme=http "));
}

#[tokio::test]
async fn versions_suites_and_curves_are_those_of_the_file() {
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
async fn the_headers_of_the_file_are_on_every_answer() {
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
async fn a_rate_is_kept_for_all_together() {
    let rate = "rate_limit:\n  interval: 10m\n  burst: 3\n";
    let guarded = Guarded::start(rate, |_| {}).await;
    let statuses: Vec<_> = (0..5).map(|_| guarded.http("/-/healthy", &[]).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn the_demo_takes_it_too_and_prints_where_to_look() {
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
