//! Names that nothing shows with `labels.user` = hash or drop: in the state, requests and messages.

use std::collections::BTreeSet;
use std::fs;

use records_api::secret::{Secret, Source};
use records_api_simulator::Status;
use screen_records_exporter::project::{PollOptions, ProjectConfig, Users};

use crate::harness::{Harness, HarnessOptions, Samples, delayed, is_counter, script};
use crate::support::{Api, Exporter, config, eventually, folder, get};

fn setup(folder: &tempfile::TempDir, users: Users) -> HarnessOptions {
    let mut setup = HarnessOptions::new(400);
    setup.poll.users = users;
    setup.state = Some(folder.path().join("p.redb"));
    setup
}

fn hashed() -> Users {
    Users::hashed(Source::Value(Secret::from("a key of the hashes"))).unwrap()
}

/// Users of the simulated API, and its desktops and files.
fn names(harness: &Harness) -> (BTreeSet<String>, BTreeSet<String>) {
    harness.simulator().edit(|world| {
        let records: Vec<_> = world.records_from(i64::MIN).cloned().collect();
        let directory = world.directory();
        let users = records.iter().filter_map(|record| record.user);
        let users = users.map(|user| directory.user_name(user).to_owned());
        let desktops = records.iter().map(|record| directory.desktop_name(record.desktop));
        let desktops = desktops.filter(|name| name.len() > 4).map(str::to_owned);
        let users = users.filter(|user| user.len() > 4);
        (users.collect(), desktops.chain(["video_".to_owned()]).collect())
    })
}

/// Names that the file of the state contains.
fn kept<'n>(folder: &tempfile::TempDir, names: &'n BTreeSet<String>) -> Vec<&'n str> {
    let bytes = fs::read(folder.path().join("p.redb")).unwrap();
    let contains = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
    names.iter().map(String::as_str).filter(|name| contains(name)).collect()
}

async fn poll(harness: &Harness) {
    harness.simulator().edit(|world| world.insert_at(world.now(), Status::UploadFailed));
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!(harness.poll().await, Ok(()));
}

fn reload(harness: &Harness, users: Users) {
    let earlier = harness.project.config();
    let options = PollOptions { users, ..earlier.options.clone() };
    let labels = (*earlier.labels).clone();
    harness.project.replace_config(ProjectConfig::new(labels, options, earlier.client.clone()));
}

/// Counters that do not show users.
fn others(harness: &Harness) -> Samples {
    let is_other = |name: &String| is_counter(name) && !name.starts_with("workspace_user_");
    harness.shown().into_iter().filter(|(name, _)| is_other(name)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_state_holds_no_name_that_nothing_shows() {
    let forms = [(Users::named(), true, true), (hashed(), true, false)];
    for (users, has_users, has_others) in
        forms.into_iter().chain([(Users::dropped(), false, false)])
    {
        let folder = folder();
        let harness = setup(&folder, users).start();
        poll(&harness).await;
        poll(&harness).await;
        let (users, desktops) = names(&harness);
        assert!(users.len() > 3 && desktops.len() > 3, "{users:?} {desktops:?}");
        assert_eq!(!kept(&folder, &users).is_empty(), has_users, "{:?}", kept(&folder, &users));
        assert_eq!(!kept(&folder, &desktops).is_empty(), has_others);
        let before = others(&harness);
        let harness = harness.restart();
        assert_eq!(others(&harness), before);
        poll(&harness).await;
        assert_eq!(!kept(&folder, &users).is_empty(), has_users);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_form_removes_names_from_the_state_with_the_next_poll() {
    for restarts in [false, true] {
        for (form, has_users) in [(hashed(), true), (Users::dropped(), false)] {
            let folder = folder();
            let mut harness = setup(&folder, Users::named()).start();
            poll(&harness).await;
            poll(&harness).await;
            let (users, desktops) = names(&harness);
            assert!(!kept(&folder, &users).is_empty() && !kept(&folder, &desktops).is_empty());
            let before = others(&harness);
            if restarts {
                harness.setup.poll.users = form;
                harness = harness.restart();
            } else {
                reload(&harness, form);
            }
            assert_eq!(others(&harness), before, "{restarts}");
            let entered = harness.transitions();
            poll(&harness).await;
            assert_eq!(!kept(&folder, &users).is_empty(), has_users, "{restarts}");
            assert!(kept(&folder, &desktops).is_empty(), "{:?}", kept(&folder, &desktops));
            assert_eq!(harness.transitions(), entered + 1.0, "{restarts}");
            let before = others(&harness);
            let harness = harness.restart();
            assert_eq!(others(&harness), before, "{restarts}");
            poll(&harness).await;
            assert_eq!(harness.transitions(), entered + 2.0, "{restarts}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn users_that_were_dropped_return_with_the_next_poll() {
    for restarts in [false, true] {
        let folder = folder();
        // In a window of several pages, polls read only changes.
        let mut options = setup(&folder, Users::dropped());
        options.limits.page_size = 50;
        options.options.odd_share = 0.0;
        let mut harness = options.start();
        for _ in 0..3 {
            poll(&harness).await;
        }
        let entered = harness.transitions();
        if restarts {
            harness.setup.poll.users = Users::named();
            harness = harness.restart();
        } else {
            reload(&harness, Users::named());
        }
        harness.assert_polls_right("users are shown again").await;
        assert_eq!(harness.transitions(), entered, "{restarts}: nothing is counted again");
        let users = "workspace_user_screen_record_transitions_total{";
        assert_eq!(harness.exposed().of(users).values().sum::<f64>(), 0.0);
        poll(&harness).await;
        assert_eq!(harness.exposed().of(users).values().sum::<f64>(), 1.0, "{restarts}");
    }
}

const FILTER: &str = "filter.username = 'Ana Grün'\nfilter.desktop_names = ['grün-pc', 'spare']\n\
                      filter.desktop_id = 'd3adb33f-0001'\n";
/// Names of the filter, as they are and as they stand in a URL.
const NAMES: [&str; 6] = ["Grün", "Gr%C3%BCn", "grün-pc", "gr%C3%BCn-pc", "spare", "Ana"];

#[tokio::test]
async fn messages_do_not_show_names_of_the_filter() {
    let forms =
        [("hash'\nuser_hash_key = 'sixteen characters", false), ("drop", false), ("name", true)];
    for (form, is_shown) in forms {
        let api = Api::start(&["--records", "50", "--fault", "status=500,endpoint=records"]);
        let more = format!(
            "[labels]\nuser = '{form}'\n[poll]\nmin_interval = '100ms'\n[api]\n\
             max_retries = 1\n[log]\nlevel = 'trace'\n"
        );
        let exporter = Exporter::start(&format!("{}{FILTER}", config(&api.url, &more))).await;
        let page = eventually("the page shows the failure", async || {
            let page = get(&exporter.url).await;
            page.contains("<dt>Request</dt>").then_some(page)
        })
        .await;
        let log = exporter.process.says("poll failed").await;
        for text in [&page, &log] {
            let shown: Vec<_> = NAMES.into_iter().filter(|name| text.contains(name)).collect();
            assert_eq!(!shown.is_empty(), is_shown, "{form}: {shown:?} in {text}");
            let hidden = ["username=<hidden>", "username=&lt;hidden&gt;"];
            let hides = hidden.iter().any(|hidden| text.contains(hidden));
            assert_eq!(hides, !is_shown, "{form}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_api_do_not_show_names_of_the_filter() {
    for (users, is_shown) in [(hashed(), false), (Users::dropped(), false), (Users::named(), true)]
    {
        let mut options = HarnessOptions::default();
        options.poll.users = users;
        options.poll.filter.username = Some("lee.sara".to_owned());
        let body = "{\"error_code\":\"WKS.0404\",\"error_msg\":\"no user lee.sara here\"}";
        let harness = options.start_at(script(move |_, _| (404, body.to_owned())));
        let failure = harness.poll().await.unwrap_err();
        assert_eq!(format!("{failure:?}").contains("lee.sara"), is_shown, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_disappear_with_the_reload_that_hides_them_even_from_a_poll_that_runs() {
    for runs in [false, true] {
        let mut options = HarnessOptions::default();
        options.poll.filter.username = Some("kim.lena".to_owned());
        options.limits.max_retries = 0;
        let body = "{\"error_code\":\"WKS.0404\",\"error_msg\":\"no user kim.lena here\"}";
        let transport = script(move |_, _| (404, body.to_owned()));
        let harness = options.start_at(delayed(transport, std::time::Duration::from_secs(3)));
        let failure = harness.poll().await.unwrap_err();
        assert!(format!("{failure:?}").contains("kim.lena"), "{failure:?}");
        let hide = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            reload(&harness, Users::dropped());
        };
        if runs {
            // The poll began when names were shown, and fails afterwards.
            let _ = tokio::join!(harness.project.poll_once(), hide);
        } else {
            hide.await;
        }
        let status = harness.project.status();
        assert!(!format!("{:?}", status.failure).contains("kim.lena"), "{:?}", status.failure);
    }
}
