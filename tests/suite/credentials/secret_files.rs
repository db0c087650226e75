//! Secret files that change while the exporter runs follow the rules of the startup. An invalid file
//! is reported, and the last valid value stays in use.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{
    Api, Exporter, Metrics, Process, TOKEN, binary, eventually, folder, get_json, write,
};

const UP: &str = "workspace_screen_records_up{project=\"p\"}";
const POLLS: &str = "screen_records_exporter_polls_total{project=\"p\",outcome=\"success\"}";
const FAILURES: &str = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";

/// Polls five times a second.
const OFTEN: &str = "[poll]\nmode = 'background'\nmin_interval = '200ms'\ncounter_hold = '0s'\n";

struct Scene {
    exporter: Exporter,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn start(config: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = folder();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let config = config.replace('@', folder.path().to_str().unwrap());
        let file = write(folder.path(), "config.toml", &config);
        let mut command = binary();
        command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(file);
        let exporter = Exporter::of(Process::start(&mut command)).await;
        exporter.scraped_until(UP, 1.0).await;
        Self { exporter, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file as a whole, as a program that rotates secrets does.
    fn replace(&self, name: &str, content: &[u8]) {
        replace(&self.file(name), content);
    }

    /// Waits for three more polls.
    async fn polled(&self) -> Metrics {
        let before = polls(&self.exporter.metrics().await);
        eventually("three polls", async || {
            let metrics = self.exporter.metrics().await;
            (polls(&metrics) >= before + 3.0).then_some(metrics)
        })
        .await
    }

    fn log(&self) -> String {
        self.exporter.process.stderr()
    }
}

fn replace(path: &Path, content: &[u8]) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn polls(metrics: &Metrics) -> f64 {
    metrics.get(POLLS) + metrics.get(FAILURES)
}

/// Number of requests that a simulated API refused.
async fn refused(url: &str) -> u64 {
    let requests = get_json(&format!("{url}/simulator/requests")).await;
    requests["counts"]["records"]["401"].as_u64().unwrap_or_default()
}

/// Contents that no secret of one line without spaces has, and a part of the report about each.
fn invalid(secret: &str) -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: String| text.into_bytes();
    vec![
        (text(format!("\u{feff}{secret}")), "a byte order mark (U+FEFF) as its first character"),
        (text(format!("\n{secret}\n")), "a line feed (U+000A) as its first character"),
        (text(format!("{secret}\u{a0}\n")), "a no-break space (U+00A0) as its last character"),
        (text(format!("{secret} \n")), "a space (U+0020) as its last character"),
        (text(format!("{secret}\t")), "a tab (U+0009) as its last character"),
        (text(format!("ab\u{200b}{secret}")), "a zero width space (U+200B) as character 3"),
        (text(format!("{secret}\u{1b}[0m")), "an invisible character (U+001B) as character "),
        (text(format!("abcde\r\n{secret}\n")), "a carriage return (U+000D) as character 6"),
        (text(String::new()), "is empty"),
        (text("\r\n\n".to_owned()), "is empty"),
        (format!("\u{feff}{secret}").encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-8"),
        (vec![b'x'; 70_000], "larger than"),
    ]
}

#[tokio::test]
async fn an_invalid_token_file_is_reported_and_the_last_token_stays_in_use() {
    let api = Api::start(&["--records", "30"]);
    let project = crate::support::project("p", &api.url)
        .replace(&format!("token = \"{TOKEN}\""), "token_file = '@/token'");
    let scene = Scene::start(&(OFTEN.to_owned() + &project), &[("token", TOKEN.as_bytes())]).await;
    for (content, why) in invalid(TOKEN) {
        scene.replace("token", &content);
        let metrics = scene.polled().await;
        assert_eq!(metrics.get(UP), 1.0, "{why}: {}", scene.log());
        let log = scene.log();
        assert!(log.contains(why), "{why}: {log}");
        assert!(log.contains("/token") && !log.contains(TOKEN), "{log}");
    }
    // Each is logged once, and the two that are empty are the same.
    let reports = scene.log().matches("the last valid one stays in use").count();
    assert_eq!(reports, invalid(TOKEN).len() - 1, "{}", scene.log());
    std::fs::remove_file(scene.file("token")).unwrap();
    assert_eq!(scene.polled().await.get(UP), 1.0);
    assert!(scene.log().contains("cannot be read"), "{}", scene.log());
    assert_eq!(refused(&api.url).await, 0);
    // A new value that is valid is used, and what was wrong is forgotten.
    scene.replace("token", b"another-token\n");
    eventually("the new token is refused", async || (refused(&api.url).await == 1).then_some(()))
        .await;
    scene.replace("token", TOKEN.as_bytes());
    scene.exporter.scraped_until(UP, 1.0).await;
}

/// Starts an API that accepts an access key. Returns its URL.
fn api_with_key(key: &str, secret: &str) -> (Process, String) {
    let mut command = binary();
    command.args(["simulate", "--listen", "127.0.0.1:0", "--records", "30"]);
    command.args(["--access-key", key, "--secret-key", secret]);
    let mut simulator = Process::start(&mut command);
    let url = simulator.line();
    (simulator, url)
}

#[tokio::test]
async fn half_of_a_rotated_key_is_never_used() {
    let (key, secret) = ("AKOFTHETESTS0003", "the-secret-of-a-pair");
    let (_simulator, url) = api_with_key(key, secret);
    let config = format!(
        "{OFTEN}[[projects]]\nname = 'p'\nproject_id = '0123abcd'\nendpoint = '{url}'\n[projects.auth]\n\
         method = 'aksk'\naccess_key_file = '@/ak'\nsecret_key_file = '@/sk'\n"
    );
    let files = [("ak", key.as_bytes()), ("sk", secret.as_bytes())];
    let scene = Scene::start(&config, &files).await;
    for content in ["a new secret \n", "", "\u{feff}the-secret-of-another\n"] {
        scene.replace("sk", content.as_bytes());
        scene.replace("ak", b"AKOFANOTHERPAIR\n");
        assert_eq!(scene.polled().await.get(UP), 1.0, "{content:?}: {}", scene.log());
    }
    assert_eq!(refused(&url).await, 0);
}

#[tokio::test]
async fn an_invalid_profile_is_reported_and_the_last_key_stays_in_use() {
    let (key, secret) = ("AKOFTHETESTS0004", "the-secret-of-a-profile");
    let (_simulator, url) = api_with_key(key, secret);
    let config = format!(
        "{OFTEN}[[projects]]\nname = 'p'\nproject_id = '0123abcd'\nendpoint = '{url}'\n[projects.auth]\n\
         method = 'profile'\nprofile_file = '@/credentials'\n"
    );
    let profile = format!("[basic]\nak = {key}\nsk = {secret}\n");
    let scene = Scene::start(&config, &[("credentials", profile.as_bytes())]).await;
    for (content, why) in [
        (format!("[basic]\nak = {key}\n"), "holds no sk in its section [basic]"),
        (format!("[basic]\nak = {key}\nsk = '{secret}'\n"), "quotes"),
        (format!("[basic]\nak = {key}\nsk = {secret}\u{200b}\n"), "not visible ASCII"),
        (String::new(), "holds no section [basic]"),
    ] {
        scene.replace("credentials", content.as_bytes());
        assert_eq!(scene.polled().await.get(UP), 1.0, "{why}: {}", scene.log());
        assert_eq!(scene.log().matches(why).count(), 1, "{}", scene.log());
    }
    assert_eq!(refused(&url).await, 0);
}

#[tokio::test]
async fn an_invalid_hash_key_renames_nobody() {
    let api = Api::start(&["--records", "30"]);
    let labels = "[labels]\nuser = 'hash'\nuser_hash_key_file = '@/key'\n";
    let config = OFTEN.to_owned() + labels + &crate::support::project("p", &api.url);
    let key = "a key of 24 characters..";
    let scene = Scene::start(&config, &[("key", format!("{key}\n").as_bytes())]).await;
    let users = |metrics: &Metrics| {
        let names = metrics.of("workspace_user_screen_records{").into_keys();
        names.filter(|name| !name.contains("_none")).collect::<Vec<_>>()
    };
    let before = users(&scene.polled().await);
    assert!(!before.is_empty());
    for (content, why) in [
        (key[..15].to_owned(), "Accepted is one line of at least 16 printable characters"),
        (format!("{key} \n"), "a space (U+0020) as its last character"),
        (format!(" {key}"), "a space (U+0020) as its first character"),
        (format!("\u{feff}{key}\n"), "a byte order mark (U+FEFF) as its first character"),
        (format!("{key}\u{2060}"), "an invisible character (U+2060) as its last character"),
        (format!("\n{key}\n"), "a line feed (U+000A) as its first character"),
        (String::new(), "is empty"),
    ] {
        scene.replace("key", content.as_bytes());
        let metrics = scene.polled().await;
        assert_eq!(users(&metrics), before, "{why}");
        assert_eq!(metrics.get(UP), 1.0);
        let log = scene.log();
        assert!(log.contains(why) && log.contains("/key") && !log.contains(key), "{why}: {log}");
    }
    scene.replace("key", b"another key of 30 characters..");
    eventually("users are renamed", async || {
        (users(&scene.exporter.metrics().await) != before).then_some(())
    })
    .await;
    assert_eq!(scene.exporter.metrics().await.get(UP), 1.0);
}

#[test]
fn a_file_is_refused_at_startup_for_the_same_reasons() {
    let folder = folder();
    let token = folder.path().join("token");
    let config = crate::support::project("p", "http://127.0.0.1:1")
        .replace(&format!("token = \"{TOKEN}\""), &format!("token_file = {:?}", token.display()));
    let hashed = "[labels]\nuser = 'hash'\nuser_hash_key_file = '@'\n";
    let hashed = hashed.replace('@', token.to_str().unwrap())
        + &crate::support::project("p", "http://127.0.0.1:1");
    for (content, why) in invalid(TOKEN) {
        std::fs::write(&token, content).unwrap();
        for config in [&config, &hashed] {
            let file = write(folder.path(), "config.toml", config);
            let output = binary().args(["check", "--config.file"]).arg(file).output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{why}: {text}");
            assert!(text.contains(why) && !text.contains(TOKEN), "{why}: {text}");
        }
    }
}

#[test]
fn a_variable_is_refused_for_the_same_reasons() {
    let folder = folder();
    let config = crate::support::project("p", "http://127.0.0.1:1")
        .replace(&format!("token = \"{TOKEN}\""), "token_env = 'THE_TOKEN'");
    let file = write(folder.path(), "config.toml", &config);
    for (content, why) in [
        (format!("\u{feff}{TOKEN}"), "a byte order mark (U+FEFF) as its first character"),
        (format!("{TOKEN}\n{TOKEN}"), "a line feed (U+000A) as character "),
        (format!("{TOKEN}\u{ad}"), "an invisible character (U+00AD) as its last character"),
    ] {
        let mut command = binary();
        command.env("THE_TOKEN", content).args(["check", "--config.file"]).arg(&file);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(why) && !text.contains(TOKEN), "{why}: {text}");
    }
}

#[tokio::test]
async fn the_refusal_of_the_last_value_names_the_invalid_file() {
    let api = Api::start(&["--records", "30"]);
    let project = crate::support::project("p", &api.url)
        .replace(&format!("token = \"{TOKEN}\""), "token_file = '@/token'");
    let scene = Scene::start(&(OFTEN.to_owned() + &project), &[("token", TOKEN.as_bytes())]).await;
    scene.replace("token", b"the-token-of-tomorrow \n");
    scene.polled().await;
    // The old token is revoked.
    let faults = Value::from(vec!["status=401,endpoint=records"]).to_string();
    let request = crate::support::client().post(format!("{}/simulator/faults", api.url));
    let request = request.header("content-type", "application/json").body(faults);
    request.send().await.unwrap().error_for_status().unwrap();
    scene.exporter.scraped_until(UP, 0.0).await;
    let page = crate::support::get(&scene.exporter.url).await;
    assert!(page.contains("a space (U+0020) as its last character"), "{page}");
    assert!(!page.contains("the-token-of-tomorrow"), "{page}");
}
