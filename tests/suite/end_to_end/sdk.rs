//! The official SDK for Python against the simulator: what it signs in with, and all that it lists.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use serde_json::{Value, json};

use super::{fed, python, sums};
use crate::support::{Exporter, Process, client, folder, get_json, write};

const ACCESS_KEY: &str = "HPUAOFTHETESTS";
const SECRET_KEY: &str = "secret+key/of the=tests";
const SECURITY_TOKEN: &str = "gQxjbi1ub3J0aC00i+security/token==";
const PROJECT: &str = "089b2f9a3d80d3062f24c00ca4ed5cbd";

/// A simulator of its own, and its URL.
fn simulate(arguments: &[&str]) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_screen-records-exporter"));
    command.args(["simulate", "--listen", "127.0.0.1:0"]).args(arguments);
    let mut simulator = Process::start(&mut command);
    let url = simulator.line();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}: {}", simulator.stderr());
    (simulator, url)
}

/// Runs a script of `tests/sdk` with nothing of the environment but these variables.
fn script(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let mut command = Command::new(python());
    command.arg(scripts.join(name)).args(arguments).env_clear().envs(variables.iter().copied());
    command.env("PYTHONUTF8", "1");
    command
}

/// Lists everything: whether it went well, and what the script says.
fn list(url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, Value) {
    let mut command = script("list_records.py", &[&[url][..], arguments].concat(), variables);
    let output = command.output().unwrap();
    let said = serde_json::from_slice(&output.stdout);
    let said = said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), said)
}

#[tokio::test]
async fn the_official_sdk_lists_the_simulator_completely() {
    let (_simulator, url) = simulate(&["--records", "3500", "--hostile-names"]);
    let (well, listed) = list(&url, &[], &[]);
    assert!(well, "{listed}");
    let truth = get_json(&format!("{url}/simulator/truth")).await;
    let expected = sums(&truth["by_pool"], &["status"], "count");
    let by_status = &listed["by_status"];
    for (status, count) in expected {
        assert_eq!(by_status[&status[0]].as_f64().unwrap_or(0.0), count, "{status:?}");
    }
}

#[tokio::test]
async fn the_official_sdk_signs_in_by_every_method_and_lists_all_records() {
    let home = folder();
    std::fs::create_dir(home.path().join(".huaweicloud")).unwrap();
    let profile = format!("[basic]\nak = {ACCESS_KEY}\nsk = {SECRET_KEY}\n");
    write(&home.path().join(".huaweicloud"), "credentials", &profile);
    let temporary = format!("{profile}security_token = {SECURITY_TOKEN}\n");
    let temporary = write(home.path(), "temporary", &temporary);
    let (home, temporary) = (home.path().to_str().unwrap(), temporary.to_str().unwrap());

    let keys = ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY];
    let token = ["--security-token", SECURITY_TOKEN];
    let env = [("HUAWEICLOUD_SDK_AK", ACCESS_KEY), ("HUAWEICLOUD_SDK_SK", SECRET_KEY)];
    let env_token = [("HUAWEICLOUD_SDK_SECURITY_TOKEN", SECURITY_TOKEN)];
    let common = ["--records", "2500", "--agency", "--project-id", PROJECT];

    for (is_temporary, imds) in [(false, "v2"), (true, "v1")] {
        let and_token = if is_temporary { &token[..] } else { &[] };
        let server = [&common[..], &keys, and_token, &["--imds", imds]].concat();
        let (_simulator, url) = simulate(&server);
        let flags = [&keys[..], and_token].concat();
        let env_token = if is_temporary { &env_token[..] } else { &[] };
        let variables = [&env[..], env_token].concat();
        let file = if is_temporary {
            ("HUAWEICLOUD_SDK_CREDENTIALS_FILE", temporary)
        } else {
            ("HOME", home)
        };
        for (method, arguments, variables) in [
            ("keys", &flags[..], &[][..]),
            ("env", &[], &variables[..]),
            ("profile", &[], &[file]),
            ("metadata", &[], &[]),
        ] {
            let (well, listed) =
                list(&url, &[&["--auth", method][..], arguments].concat(), variables);
            assert!(well && listed["records"] == 2500, "{method}, {imds}: {listed}");
        }

        let wrong = ["--access-key", ACCESS_KEY, "--secret-key", "another"];
        let (_, refused) = list(&url, &[&wrong[..], and_token].concat(), &[]);
        assert_eq!(refused["refused"]["status"], 401, "{refused}");
        assert_eq!(refused["refused"]["code"], "APIGW.0301", "{refused}");
        let other = [&flags[..], &["--project", "another"]].concat();
        let (_, refused) = list(&url, &other, &[]);
        assert_eq!(refused["refused"]["status"], 404, "{refused}");
        if is_temporary {
            let (_, refused) = list(&url, &keys, &[]);
            assert_eq!(refused["refused"]["status"], 401, "{refused}");
        }
        let asked = get_json(&format!("{url}/simulator/requests")).await;
        // Three pages, for each of three methods, and the one of the wrong key and project.
        let name = format!("access key {ACCESS_KEY}");
        let expected = if is_temporary { 12 } else { 11 };
        assert_eq!(asked["credentials"]["records"][&name], expected, "{asked}");
        let outcome = if is_temporary { "405" } else { "200" };
        assert!(asked["counts"]["metadata_token"][outcome].as_u64() > Some(0), "{asked}");
    }

    let (_simulator, url) = simulate(&["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
    let (_, refused) = list(&url, &["--auth", "metadata"], &[]);
    let message = refused["refused"]["message"].as_str().unwrap();
    assert!(message.contains("Please configure Cloud Service Agency first"), "{refused}");
}

/// The known answers, as requests on the wire.
fn recorded() -> (String, Vec<Value>) {
    let text = include_str!("../../fixtures/signing_vectors.json");
    let all: Value = serde_json::from_str(text).unwrap();
    let key = format!("{}={}", all["access_key"], all["secret_key"]).replace('"', "");
    let requests = all["vectors"].as_array().unwrap().iter().map(|vector| {
        let input = &vector["input"];
        let host = input["host"].as_str().unwrap();
        let target = vector["request_target"].as_str().unwrap().replace(' ', "%20");
        let mut headers = input["headers"].clone();
        let added = vector["headers_added_before_signing"].as_object().unwrap();
        headers.as_object_mut().unwrap().extend(added.clone());
        headers["Authorization"] = vector["authorization"].clone();
        json!({"method": input["method"], "url": format!("https://{host}{target}"),
               "headers": headers, "body": input["body"]})
    });
    (key, requests.collect())
}

fn verified(key: &str, requests: &[Value]) -> (Option<i32>, Value) {
    let lines: Vec<_> = requests.iter().map(Value::to_string).collect();
    let mut command = script("verify_signatures.py", &["--key", key], &[]);
    let (code, said) = fed(&mut command, &lines.join("\n"));
    (code, serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}")))
}

#[test]
fn recorded_signatures_are_held_against_the_sdks_own() {
    let (key, requests) = recorded();
    let all = json!({"signed": 13, "unsigned": 0, "problems": []});
    assert_eq!(verified(&key, &requests), (Some(0), all));

    let unsigned = json!({"method": "GET", "url": "http://h/", "headers": [["Host", "h"]]});
    let (code, said) = verified(&key, &[unsigned]);
    assert_eq!((code, &said["problems"][0]), (Some(1), &"no request is signed".into()));
    let (code, said) = verified("other=key", &requests[..1]);
    assert!(code == Some(1) && said["problems"][0].as_str().unwrap().contains("no --key"));

    for (member, value) in [("method", "PUT"), ("url", "https://h/other"), ("body", "more")] {
        let mut changed = requests[..3].to_vec();
        changed[1][member] = value.into();
        let (code, said) = verified(&key, &changed);
        let problems = said["problems"].as_array().unwrap();
        assert_eq!((code, problems.len()), (Some(1), 1), "{said}");
        let problem = problems[0].as_str().unwrap();
        assert!(problem.starts_with("request 2, ") && problem.contains("the SDK signs"), "{said}");
    }
    let mut changed = requests[..1].to_vec();
    changed[0]["headers"]["X-Security-Token"] = "unsigned".into();
    let (code, said) = verified(&key, &changed);
    assert!(code == Some(1) && said["problems"][0].as_str().unwrap().contains("not signed"));
}

/// A server that keeps what it is sent, and answers as the simulated API does.
async fn recorder(api: String) -> (String, Arc<Mutex<Vec<Value>>>) {
    let kept = Arc::<Mutex<Vec<Value>>>::default();
    let keep = kept.clone();
    let router = axum::Router::new().fallback(async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let headers: Vec<_> =
            parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        keep.lock().unwrap().push(json!({
            "method": parts.method.as_str(), "url": parts.uri.to_string(), "headers": headers,
            "body": String::from_utf8_lossy(&body),
        }));
        // The API itself checks nothing here: a signature is for the host that it was sent to.
        let answer = client().get(format!("{api}{}", parts.uri)).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, kept)
}

#[tokio::test]
async fn the_exporters_requests_verify_under_the_sdks_own_signer() {
    let (_simulator, api) = simulate(&["--records", "2500", "--hostile-names", "--limit-max=100"]);
    let (url, kept) = recorder(api).await;
    for security_token in ["", "security_token = \"gQxjbi1ub3J0aC00i+security/token==\"\n"] {
        // Names that must be encoded.
        let config = format!(
            "[poll]\nmin_interval = \"0s\"\nmode = \"background\"\n[[projects]]\nname = \"p\"\n\
             project_id = \"{PROJECT}\"\nendpoint = \"{url}\"\n\
             filter = {{ desktop_names = [\"pc-1\", \"pc 2\", \"桌面*~'()\"] }}\n\
             [projects.auth]\nmethod = \"aksk\"\naccess_key = \"{ACCESS_KEY}\"\n\
             secret_key = \"secret+key/of=tests\"\n{security_token}"
        );
        let exporter = Exporter::start(&config).await;
        exporter.scraped_until("workspace_screen_records_up{project=\"p\"}", 1.0).await;
    }
    let requests = kept.lock().unwrap().clone();
    let (code, said) = verified(&format!("{ACCESS_KEY}=secret+key/of=tests"), &requests);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&said["unsigned"], &said["problems"]), (&json!(0), &json!([])));
    assert!(said["signed"].as_u64() > Some(4), "{said}");
    let pools = |request: &Value| request["url"].as_str().unwrap().contains("desktop-pools");
    assert!(requests.iter().any(pools), "the pools are asked for too");
}
