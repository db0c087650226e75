//! Corrected credentials are used immediately, however long the backoff has become.

use std::sync::Arc;
use std::time::Duration;

use records_api::secret::{SecretRules, Source};
use records_api::{Auth, IamUser};
use records_api_simulator::Endpoint;
use screen_records_exporter::project::PollMode;
use tokio::time::{Instant, sleep};

use crate::harness::{Harness, HarnessOptions, TOKEN, UP};
use crate::support::{Api, Exporter, Process, TOKEN as STATIC, binary, client, folder};

const MINUTE: Duration = Duration::from_secs(60);

/// Seconds until the project is up, in steps of a scrape per second.
async fn seconds_until_up(harness: &Harness, scrapes: bool) -> u64 {
    let begun = Instant::now();
    loop {
        let metrics =
            if scrapes { harness.scrape(Duration::from_secs(9)).await } else { harness.exposed() };
        if metrics.get(UP) == 1.0 || begun.elapsed() > 10 * MINUTE {
            return begun.elapsed().as_secs();
        }
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrected_file_ends_the_backoff_in_both_modes() {
    for (mode, wrong_for) in [
        (PollMode::Background, 4 * MINUTE),
        (PollMode::Background, 47 * MINUTE),
        (PollMode::Scrape, 3 * MINUTE),
        (PollMode::Scrape, 33 * MINUTE),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a-wrong-token").unwrap();
        let mut setup = HarnessOptions::new(100);
        setup.options.token = Some(TOKEN.to_owned());
        setup.token_file = Some(file.path().to_owned());
        setup.poll.mode = mode;
        let harness = setup.start();
        harness.project.start();
        let begun = Instant::now();
        while begun.elapsed() < wrong_for {
            assert_eq!(harness.scrape(Duration::from_secs(9)).await.get(UP), 0.0);
            sleep(Duration::from_secs(15)).await;
        }
        let refused = harness.asked();
        std::fs::write(file.path(), TOKEN).unwrap();
        let seconds = seconds_until_up(&harness, mode == PollMode::Scrape).await;
        assert!(seconds <= 4, "{mode:?} after {wrong_for:?}: {seconds} s, {refused} refusals");
        assert!(refused as u64 <= 1 + wrong_for.as_secs() / 300, "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrected_password_is_used_immediately() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    std::fs::write(&path, "wrong").unwrap();
    let mut setup = HarnessOptions::new(100);
    let access = &mut setup.options.access;
    access.iam_domain = Some("acme".to_owned());
    access.iam_user = Some("robot".to_owned());
    access.iam_password = Some("right".to_owned());
    setup.poll.mode = PollMode::Background;
    setup.auth = Some(Arc::new(move |_| {
        Auth::Password(IamUser {
            iam_endpoint: "http://iam.invalid".parse().unwrap(),
            domain: "acme".to_owned(),
            username: "robot".to_owned(),
            password: Source::file(&path, SecretRules::PASSWORD),
        })
    }));
    let harness = setup.start();
    harness.project.start();
    // Within the pause between two requests to IAM.
    sleep(Duration::from_secs(7)).await;
    assert_eq!(harness.exposed().get(UP), 0.0);
    std::fs::write(file.path(), "right").unwrap();
    let seconds = seconds_until_up(&harness, false).await;
    assert!(seconds <= 4, "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn each_change_of_a_file_causes_one_poll() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "wrong-0").unwrap();
    let mut setup = HarnessOptions::new(100);
    setup.options.token = Some(TOKEN.to_owned());
    setup.token_file = Some(file.path().to_owned());
    setup.poll.mode = PollMode::Background;
    let harness = setup.start();
    harness.project.start();
    sleep(20 * MINUTE).await;
    let before = harness.asked();
    for number in 1..4 {
        std::fs::write(file.path(), format!("wrong-{number}")).unwrap();
        sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(harness.asked() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn names_of_pools_are_requested_at_the_next_poll_with_other_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = (folder.path().join("ak"), folder.path().join("sk"));
    let write = |key: &str| {
        std::fs::write(&id, key).unwrap();
        std::fs::write(&secret, format!("secret-of-{key}")).unwrap();
    };
    write("AK1");
    let files = (id.clone(), secret.clone());
    let mut setup = HarnessOptions::new(100);
    let access = &mut setup.options.access;
    access.access_key = Some("AK1".to_owned());
    access.secret_key = Some("secret-of-AK1".to_owned());
    setup.poll.pool_names = true;
    setup.auth = Some(Arc::new(move |_| Auth::AccessKey {
        access_key: Source::file(&files.0, SecretRules::ACCESS_KEY),
        secret_key: Source::file(&files.1, SecretRules::SECRET_KEY),
        security_token: None,
    }));
    let harness = setup.start();
    let names = || harness.exposed().of("workspace_desktop_pool_info{").len();
    harness.set_faults(&["status=403,endpoint=pools"]);
    for _ in 0..4 {
        assert_eq!((harness.poll().await, names()), (Ok(()), 0));
        sleep(MINUTE / 3).await;
    }
    assert_eq!(harness.simulator().requests().of(Endpoint::Pools), 1);
    harness.set_faults(&[]);
    harness.simulator().edit_access(|access| access.set_key("AK2", "secret-of-AK2", None));
    write("AK2");
    assert_eq!(harness.poll().await, Ok(()));
    assert!(names() > 0);
}

#[tokio::test]
async fn a_reload_with_another_token_is_tried_at_the_next_scrape() {
    let api = Api::start(&["--records", "50"]);
    let config = |token: &str| {
        let project = crate::support::project("p", &api.url).replace(STATIC, token);
        format!("[poll]\nmin_interval = '1h'\n{project}")
    };
    let folder = folder();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, config("wrong")).unwrap();
    let mut command = binary();
    command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(&file);
    let exporter = Exporter::of(Process::start(&mut command)).await;
    let failed = "screen_records_exporter_polls_total{project=\"p\",outcome=\"failure\"}";
    exporter.scraped_until(failed, 1.0).await;
    std::fs::write(&file, config(STATIC)).unwrap();
    let reload = client().post(format!("{}/-/reload", exporter.url)).send().await.unwrap();
    assert_eq!(reload.status(), 200);
    for _ in 0..40 {
        if exporter.metrics().await.get(UP) == 1.0 {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("not up after 40 scrapes: {}", exporter.process.stderr());
}
