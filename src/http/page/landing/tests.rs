//! Unit tests of the page with snapshots made by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::ledger::ServedPoll;
use crate::ledger::Sums;
use crate::project::{Budget, Leader, LeadershipView, RunningPoll};
use crate::snapshot::{
    Aggregate, Confirmation, Failure, ProjectLabels, ProjectView, RecordsSnapshot, Snapshot,
};
use records_api::SignIn;

const NOW: i64 = 1_700_000_061_000;

fn status(name: &str) -> Status {
    let labels = ProjectLabels { project: name.to_owned(), ..ProjectLabels::default() };
    Status {
        view: ProjectView {
            snapshot: Snapshot::new(labels.into(), Duration::from_secs(1)).into(),
            at: tokio::time::Instant::now(),
            first_sync_progress: 0.25,
            confirmation: Confirmation::Current,
            is_stale: false,
            sign_in: SignIn { method: "token", expires: None },
            page_size: 100,
        },
        failure: None,
        poll: None,
        counting_since: None,
        leadership: None,
        budget: Budget { requests_per_second: 0.5, concurrent_requests: 4, throttled_seconds: 0.0 },
    }
}

/// Adds records: status and numbers of all and of those that were counted.
fn with_records(mut status: Status, counts: &[(&str, u64, u64)]) -> Status {
    let mut kinds = BTreeMap::new();
    for (code, records, counted) in counts {
        let sums = Sums { records: *records, counted: *counted, ..Sums::default() };
        kinds.insert(((*code).into(), "AUTO".into(), "a".into()), sums);
    }
    let aggregate = Aggregate {
        kinds,
        oldest_start: BTreeMap::from([(
            ("RECORDING".into(), "a".into()),
            Timestamp::from_millis(NOW - 2 * 3_600_000),
        )]),
        records: counts.iter().map(|(_, records, _)| records).sum(),
        ..Aggregate::default()
    };
    let mut snapshot = (*status.view.snapshot).clone();
    snapshot.records = Some(Arc::new(RecordsSnapshot {
        aggregate,
        poll: ServedPoll { completed: Timestamp::from_millis(NOW - 5000), ..ServedPoll::default() },
        completed_at: tokio::time::Instant::now(),
        pools: Vec::new(),
    }));
    status.view.snapshot = snapshot.into();
    status.counting_since = Some(Timestamp::from_millis(NOW - 60_000));
    status
}

fn failing(name: &str) -> Status {
    let failure = Failure {
        request: Some("/v2/x?a=1&b=2".to_owned()),
        what: "\"<script>\" & 'x'".to_owned(),
        remedy: "call\u{7} `somebody`".to_owned(),
        since: Timestamp::from_millis(NOW - 61_000),
    };
    Status { failure: Some(failure), ..status(name) }
}

fn html(statuses: &[Status]) -> String {
    let links = Links::new(None, Some("/p"), "/metrics");
    body(statuses, Refresh(None), &links, false, Timestamp::from_millis(NOW))
}

#[test]
fn a_failing_project_shows_its_error_with_markup_escaped() {
    let poll = RunningPoll { duration: Duration::from_secs(754), is_long: true };
    let html = html(&[Status { poll: Some(poll), ..failing("<b>&\"") }]);
    for part in [
        "<td data-label=\"Project\"><a href=\"#project-0\">&lt;b&gt;&amp;&quot;</a></td>",
        "<span class=\"bad\">✕ Failing</span><small>no snapshot yet</small>\
         <small>polling for 12m 34s, longer than <code>poll.max_staleness</code></small>",
        "Failing since <time datetime=\"2023-11-14T22:13:20.000Z\">2023-11-14 22:13:20 UTC</time> \
         (1m 1s ago): &quot;&lt;script&gt;&quot; &amp; &#39;x&#39;\
         <br>Remedy: call\u{fffd} <code>somebody</code></td>",
        "<dt>Error</dt><dd>&quot;&lt;script&gt;&quot; &amp; &#39;x&#39;</dd>",
        "<dt>Request</dt><dd><code>GET /v2/x?a=1&amp;b=2</code></dd>",
        "<details class=\"project\" open><summary>&lt;b&gt;&amp;&quot;</summary>\n<p id=\"project-0\">\
         <a href=\"/p/failures?project=%3Cb%3E%26%22\">Failures</a>",
        "<dt>Sync mode</dt><dd>first_sync, 25%</dd>",
        "<dt>Counting since</dt><dd>–</dd>",
        "<span class=\"bad\">0 of 1 projects up</span> · 0 known records in the window · no \
         known failures · nothing known to be in flight</p>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[test]
fn projects_with_the_same_remedy_share_a_note() {
    let other = |name, since| {
        let what = format!("answered 401, next attempt of {name} in 9s");
        let since = Timestamp::from_millis(NOW - since);
        let failure = Failure { what, remedy: "check `token`".to_owned(), since, request: None };
        Status { failure: Some(failure), ..status(name) }
    };
    let fine = with_records(status("fine"), &[]);
    let html = html(&[failing("a"), other("b", 8000), fine, failing("c"), other("d", 9000)]);
    let order = ["a", "c", "b", "d", "fine"];
    let places = order.map(|name| html.find(&format!("\">{name}</a></td>")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(html.matches("<tr class=\"note\">").count(), 2, "{html}");
    assert!(html.contains(
        "(9s ago), d: answered 401, next attempt of d in 9s<br>Remedy: check <code>token"
    ));
    assert!(
        html.contains("<dt>Error</dt><dd>answered 401, next attempt of b in 9s</dd>"),
        "{html}"
    );
    let links: Vec<_> = html.matches("href=\"#project-").collect();
    assert_eq!(links.len(), 5);
    assert!(html.contains("<a href=\"#project-4\">fine</a>"), "{html}");
}

#[test]
fn projects_that_are_throttled_share_a_note() {
    let throttled = |name| {
        let budget = Budget { throttled_seconds: 2.0, ..status(name).budget };
        Status { budget, ..status(name) }
    };
    let fails = Status { failure: failing("c").failure, ..throttled("c") };
    let up = with_records(throttled("d"), &[]);
    let html = html(&[throttled("a"), status("new"), throttled("b"), fails, up]);
    assert_eq!(html.matches("Throttled: ").count(), 1, "{html}");
    assert_eq!(html.matches("<tr class=\"note\">").count(), 2, "{html}");
}

#[test]
fn the_leader_of_a_project_is_shown_with_a_link_that_is_one() {
    let led_by = |name: &str, url: &str, is_this| {
        let leader = Leader { name: name.to_owned(), url: url.to_owned(), is_this };
        let leadership = LeadershipView { leader: Some(leader), epoch: 3, differences: Vec::new() };
        html(&[Status { leadership: Some(leadership), ..status("a") }])
    };
    for (name, url, is_this, shown) in [
        ("r1", "", true, "r1 (this one), epoch 3"),
        ("", "", false, "another replica, epoch 3"),
        ("r2", "https://r2/?a&b", false, "<a href=\"https://r2/?a&amp;b\">r2</a>, epoch 3"),
        ("<b>", "javascript:alert(1)", false, "&lt;b&gt;, epoch 3"),
    ] {
        let html = led_by(name, url, is_this);
        assert!(html.contains(&format!("<dt>Leader</dt><dd>{shown}</dd>")), "{shown}: {html}");
    }
    let differences = vec!["poll.window".to_owned()];
    let nobody = LeadershipView { leader: None, epoch: 3, differences };
    let html_of_nobody = html(&[Status { leadership: Some(nobody), ..status("a") }]);
    assert!(html_of_nobody.contains("none, until a replica takes over"), "{html_of_nobody}");
    assert!(html_of_nobody.contains("config differs in poll.window"), "{html_of_nobody}");
    assert!(!html(&[status("a")]).contains("Leader"), "without replicas");
}

#[test]
fn projects_that_need_somebody_come_first() {
    let idle = with_records(status("idle"), &[]);
    let idle = Status { view: ProjectView { is_stale: true, ..idle.view.clone() }, ..idle };
    let statuses = [
        with_records(status("fine"), &[("UPLOADING", 3, 0)]),
        with_records(status("unresolved"), &[("UPLOAD_FAILED", 3, 3)]),
        idle,
        status("new"),
        failing("away"),
    ];
    let html = html(&statuses);
    assert!(html.contains("6 known records in the window"), "two projects are unknown: {html}");
    let order = ["away", "new", "idle", "unresolved", "fine"];
    let places = order.map(|name| html.find(&format!("\">{name}</a></td>")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert!(!html.contains(" open>"), "details of many projects are closed");
}

#[test]
fn failures_from_before_counting_began_are_shown_apart() {
    let counts = [("RECORDING", 4, 0), ("REC_FAILED", 7, 0), ("UPLOAD_FAILED", 5, 2)];
    let html = html(&[with_records(status("a b"), &counts)]);
    for part in [
        "<td data-label=\"RECORDING\">4</td>",
        "<td data-label=\"REC_FAILED\"><a class=\"warn\" \
         href=\"/p/failures?project=a+b&amp;status=REC_FAILED&amp;counted=false\">7 before counting</a></td>",
        "<a class=\"bad\" href=\"/p/failures?project=a+b&amp;status=UPLOAD_FAILED&amp;counted=true\">2 \
         unresolved</a><br><a class=\"warn\"",
        "16 records in the window · failures: <a class=\"bad\" href=\"/p/failures?counted=true\">2 \
         unresolved</a>, <a class=\"warn\" href=\"/p/failures?counted=false\">10 before counting</a> · oldest in flight: 2h 0m</p>",
        "<p class=\"note caution\">10 recordings failed before counting began (<time",
        "<td data-label=\"Oldest in flight\">2h 0m</td><td data-label=\"Snapshot\">5s ago</td>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[test]
fn the_page_says_whether_it_refreshes_itself() {
    let links = Links::new(None, Some("/p"), "/metrics");
    let now = Timestamp::from_millis(NOW);
    let html = |refresh| body(&[], refresh, &links, false, now);
    let every = html(Refresh(Some(Duration::from_secs(90))));
    assert!(every.contains("every 1m 30s: <a href=\"/p/?refresh=off\">stop</a>"), "{every}");
    assert!(html(Refresh(None)).contains("not refresh itself: <a href=\"/p/\">start</a>"));
}
