//! Projects that share a key: a wrong key stops all of them, a wrong project only itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use records_api::clock::TokioClock;
use records_api::record::Timestamp;
use records_api::secret::Source;
use records_api::{
    ApiError, Auth, Client, CredentialBackoff, Limits, PageSizing, RecordsFilter, RecordsQuery,
    Target,
};
use screen_records_exporter::instruments::Instruments;

use crate::harness::{FakeTransport, NOW, script};

const EMPTY: &str = r#"{"total_count":0,"screen_records":[]}"#;
const MINUTE: Duration = Duration::from_secs(60);

/// Projects with one key, at one gateway.
struct Projects {
    clients: Vec<(&'static str, Client)>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Answers by the project in the path.
fn start(
    names: &[&'static str],
    answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> Projects {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = asked.clone();
    let transport: Arc<FakeTransport> = script(move |_, request| {
        let project = request.uri().path().split('/').nth(2).unwrap();
        seen.lock().unwrap().push(project.to_owned());
        answer(project)
    });
    let backoff = Arc::<CredentialBackoff>::default();
    let instruments = Instruments::new(Timestamp::from_millis(NOW), Arc::default());
    let client = |project: &'static str| {
        let value = |text: &str| Source::Value(text.into());
        let auth = Auth::AccessKey {
            access_key: value("AK"),
            secret_key: value("a-secret"),
            security_token: None,
        };
        let endpoint = "http://api.invalid".parse().unwrap();
        let target = Target { endpoint, project_id: project.to_owned(), auth };
        let limits = Limits {
            page_size: 1000,
            max_concurrent_requests: 4,
            max_requests_per_second: 50.0,
            request_timeout: Duration::from_secs(10),
            max_retries: 0,
            max_response_bytes: 1 << 20,
        };
        let clock = Arc::new(TokioClock::starting_at(NOW));
        let observer = instruments.observer(project);
        (project, Client::new(target, limits, backoff.clone(), transport.clone(), clock, observer))
    };
    Projects { clients: names.iter().copied().map(client).collect(), asked }
}

impl Projects {
    async fn list(&self, name: &str) -> Result<(), ApiError> {
        let (_, client) = self.clients.iter().find(|(known, _)| *known == name).unwrap();
        let start = Timestamp::from_millis(NOW);
        let query = RecordsQuery::ascending(start, 0, 1000, RecordsFilter::default());
        client.list_records(&query, PageSizing::Fixed).await.map(|_| ())
    }

    /// Requests so far, by project.
    fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }
}

fn unauthorized(message: &str) -> (u16, String) {
    (401, format!(r#"{{"error_code":"APIGW.0301","error_msg":"{message}"}}"#))
}

const UNCLEAR: [&str; 3] = [
    "Incorrect IAM authentication information",
    "",
    "Incorrect IAM authentication information: the project of the request does not match",
];
const ABOUT_THE_KEY: [&str; 3] = [
    "Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:GET|\
     /v2/0123/screen-records/||x-project-id:0123|",
    "Incorrect IAM authentication information: Get secretKey failed,ak:AK,err:ak not exist",
    "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden.",
];

#[tokio::test(start_paused = true)]
async fn a_wrong_project_does_not_stop_the_others_whoever_comes_first() {
    for message in UNCLEAR {
        for order in [["wrong", "b", "c"], ["b", "wrong", "c"], ["c", "b", "wrong"]] {
            let answer = |project: &str| match project {
                "wrong" => unauthorized(message),
                _ => (200, EMPTY.to_owned()),
            };
            let projects = start(&order, answer);
            for _ in 0..120 {
                for name in order {
                    let result = projects.list(name).await;
                    assert_eq!(result.is_err(), name == "wrong", "{order:?} {name} {message}");
                }
                tokio::time::sleep(MINUTE / 4).await;
            }
            // Half an hour.
            assert!((6..=7).contains(&projects.asked("wrong")), "{}", projects.asked("wrong"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_project_whose_refusal_blames_the_key_stops_the_others_for_one_pause_at_most() {
    let answer = |project: &str| match project {
        "wrong" => unauthorized(ABOUT_THE_KEY[0]),
        _ => (200, EMPTY.to_owned()),
    };
    let projects = start(&["wrong", "b", "c"], answer);
    let mut failures = Vec::new();
    for quarter in 0..120 {
        for name in ["wrong", "b", "c"] {
            if projects.list(name).await.is_err() && name != "wrong" {
                failures.push(quarter);
            }
        }
        tokio::time::sleep(MINUTE / 4).await;
    }
    assert!(failures.iter().all(|quarter| *quarter <= 20), "{failures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_tried_by_one_project_only() {
    for (messages, most) in [(ABOUT_THE_KEY, 1), (UNCLEAR, 2)] {
        for message in messages {
            let projects = start(&["a", "b", "c", "d"], |_| unauthorized(message));
            for _ in 0..19 {
                for name in ["a", "b", "c", "d"] {
                    assert!(projects.list(name).await.is_err());
                }
                tokio::time::sleep(MINUTE / 4).await;
            }
            let asked = projects.asked.lock().unwrap().len();
            // A refusal that says that the project is wrong concerns that project.
            let most = if message.contains("does not match") { 4 } else { most };
            assert!(asked <= most, "{asked}: {message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_is_refused_twice_at_most() {
    let is_revoked = Arc::new(AtomicBool::new(false));
    for message in ABOUT_THE_KEY {
        let revoked = is_revoked.clone();
        is_revoked.store(false, Ordering::Relaxed);
        let projects = start(&["a", "b", "c", "d", "e"], move |_| {
            if revoked.load(Ordering::Relaxed) {
                unauthorized(message)
            } else {
                (200, EMPTY.to_owned())
            }
        });
        for name in ["a", "b", "c", "d", "e"] {
            projects.list(name).await.unwrap();
        }
        let before = projects.asked.lock().unwrap().len();
        is_revoked.store(true, Ordering::Relaxed);
        for _ in 0..19 {
            for name in ["a", "b", "c", "d", "e"] {
                assert!(projects.list(name).await.is_err());
            }
            tokio::time::sleep(MINUTE / 4).await;
        }
        let refused = projects.asked.lock().unwrap().len() - before;
        assert!(refused <= 2, "{refused}: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_request_concerns_its_project() {
    for code in ["APIGW.0802", "APIGW.0302", "APIGW.0304"] {
        let answer = move |project: &str| match project {
            "wrong" => (403, format!(r#"{{"error_code":"{code}","error_msg":"no"}}"#)),
            _ => (200, EMPTY.to_owned()),
        };
        let projects = start(&["wrong", "b"], answer);
        for _ in 0..19 {
            assert!(projects.list("wrong").await.is_err());
            projects.list("b").await.unwrap();
            tokio::time::sleep(MINUTE / 4).await;
        }
        assert_eq!(projects.asked("wrong"), 1, "{code}");
    }
}
