//! The page `/`: state, last error and remedy of every project.

use std::fmt::Write;
use std::time::Duration;

use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::html::{age, escaped, moment, page};
use super::navigation::header;
use crate::http::links::Links;
use crate::project::{RunningPoll, Status};
use crate::snapshot::{Failure, ProjectView, RecordsSnapshot};
use records_api::THROTTLED_REMEDY;
use records_api::record;
use records_api::record::Timestamp;

/// Builds the page.
pub(in crate::http) fn landing(
    statuses: &[Status],
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> Response {
    let more = [
        ("Metrics", links.metrics_link()),
        ("Failures as JSON", links.link("/api/v1/failures")),
        ("Service discovery", links.link("/sd")),
        ("Ready", links.link("/-/ready")),
        ("Healthy", links.link("/-/healthy")),
    ];
    let mut body = header("Screen records exporter", "/", &more, links, has_records);
    // Writing into a string cannot fail.
    let _ = writeln!(
        body,
        "<main>\n<p class=\"quiet\">Version {version}, revision {revision}</p>",
        version = env!("CARGO_PKG_VERSION"),
        revision = env!("BUILD_REVISION"),
    );
    for status in statuses {
        body.push_str(&project(status, links, now));
    }
    body.push_str("</main>\n");
    page("Screen records exporter", &body)
}

fn project(status: &Status, links: &Links, now: Timestamp) -> String {
    let view = &status.view;
    let (class, state) = state(status);
    let polling = status.poll.map_or_else(String::new, polling);
    let target = utf8_percent_encode(view.project(), NON_ALPHANUMERIC);
    let mut html = format!(
        "<section class=\"project\"><h2>{name}</h2>\n<p><span class=\"{class}\">{state}</span>\
         {polling}. <a href=\"{failures}?project={target}\">Failures</a> · \
         <a href=\"{desktops}?project={target}\">Desktops</a> · <a href=\"{probe}?target={target}\">Metrics</a></p>\n",
        failures = links.link("/failures"),
        desktops = links.link("/desktops"),
        probe = links.link("/probe"),
        name = escaped(view.project()),
    );
    if let Some(failure) = &status.failure {
        html.push_str(&failure_note(failure, now));
    } else if view.records.is_none() && status.budget.throttled_seconds > 0.0 {
        // A first sync waits for the end of each pause, so it has not failed.
        let _ = writeln!(
            html,
            "<p class=\"note\">Throttled: the API refuses requests that come too fast (429), and the \
             first sync waits.<br>Remedy: {}</p>",
            escaped(THROTTLED_REMEDY)
        );
    }
    html.push_str("<dl>");
    for (name, value) in details(status, now) {
        // Writing into a string cannot fail.
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl></section>\n");
    html
}

/// Formats the state of a poll that runs.
fn polling(poll: RunningPoll) -> String {
    if !poll.is_long {
        return ", polling".to_owned();
    }
    let duration = Duration::from_secs(poll.duration.as_secs());
    format!(
        ", polling for {}, longer than <code>poll.max_staleness</code>",
        humantime::format_duration(duration)
    )
}

/// Returns the CSS class and the text for the state of a project.
fn state(status: &Status) -> (&'static str, &'static str) {
    let view = &status.view;
    match (&status.failure, &view.records) {
        (Some(_), Some(_)) if view.is_stale => ("bad", "✕ Failing, snapshot too old to serve"),
        (Some(_), Some(_)) => ("bad", "✕ Failing, serving the last snapshot"),
        (Some(_), None) => ("bad", "✕ Failing, no snapshot yet"),
        (None, None) => ("quiet", "… First sync"),
        (None, Some(_)) if view.is_stale => {
            ("quiet", "… Idle, snapshot too old to serve, waiting for a scrape")
        }
        (None, Some(_)) => ("good", "✓ Up"),
    }
}

/// Formats the error of a failing project with the request that failed and the remedy.
fn failure_note(failure: &Failure, now: Timestamp) -> String {
    let request = failure.request.as_deref().map_or_else(String::new, |request| {
        let method = if request.starts_with('/') { "GET " } else { "" };
        format!("<br>Request: <code>{method}{}</code>", escaped(request))
    });
    format!(
        "<p class=\"note\">Failing since {since} ({age}): {what}{request}<br>Remedy: {remedy}</p>\n",
        since = moment(failure.since),
        age = age(now, failure.since),
        what = escaped(&failure.what),
        remedy = escaped(&failure.remedy),
    )
}

/// Returns names and values of the details of a project.
fn details(status: &Status, now: Timestamp) -> Vec<(&'static str, String)> {
    let (view, budget) = (&status.view, &status.budget);
    let snapshot = view.records.as_deref();
    let none = || "–".to_owned();
    let sync = match snapshot {
        None => format!("{}, {:.0}%", view.mode.as_str(), 100.0 * view.first_sync_progress),
        Some(_) => view.mode.as_str().to_owned(),
    };
    let throttled = match budget.throttled_seconds {
        seconds if seconds > 0.0 => format!(", throttled for {seconds:.0} s in total"),
        _ => String::new(),
    };
    let credentials = match view.sign_in.expires {
        Some(expires) => format!("{}, expire {}", view.sign_in.method, moment(expires)),
        None => view.sign_in.method.to_owned(),
    };
    vec![
        (
            "Snapshot",
            snapshot.map_or_else(none, |s| {
                format!("{}, {}", age(now, s.completed), moment(s.completed))
            }),
        ),
        ("Records in the window", snapshot.map_or_else(none, |s| s.aggregate.records.to_string())),
        ("Failures in the window", snapshot.map_or_else(none, |s| failed(view, s))),
        ("Sync mode", sync),
        ("Requests by the last poll", view.poll_api_requests.map_or_else(none, |n| n.to_string())),
        (
            "Request limits",
            format!(
                "{} per second, {} concurrent, {} rows per page{throttled}",
                budget.requests_per_second, budget.concurrent_requests, view.page_size
            ),
        ),
        ("Credentials", credentials),
        ("Counting since", status.counting_since.map_or_else(none, moment)),
    ]
}

/// Formats the numbers of unresolved failures and of all failed records in the window.
fn failed(view: &ProjectView, snapshot: &RecordsSnapshot) -> String {
    let codes = record::Status::ALL.into_iter().filter(|status| status.is_failed());
    let codes: Vec<_> = codes.map(record::Status::code).collect();
    let (mut unresolved, mut all) = (0, 0);
    for ((status, ..), sums) in &snapshot.aggregate.kinds {
        if codes.contains(&status.as_ref()) {
            unresolved += sums.counted;
            all += sums.records;
        }
    }
    let stale = if view.is_stale { " (stale)" } else { "" };
    let class = if unresolved > 0 { "bad" } else { "quiet" };
    format!("<span class=\"{class}\">{unresolved} unresolved</span>, {all} in total{stale}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Budget;
    use crate::snapshot::{ProjectLabels, Snapshot};
    use records_api::SignIn;

    #[test]
    fn a_failing_project_shows_its_error_with_markup_escaped() {
        let labels = ProjectLabels { project: "<b>&\"".to_owned(), ..ProjectLabels::default() };
        let mut snapshot = Snapshot::new(labels.into(), Duration::from_secs(1));
        snapshot.poll_api_requests = Some(4);
        let failure = Failure {
            request: Some("/v2/x?a=1&b=2".to_owned()),
            what: "\"<script>\" & 'x'".to_owned(),
            remedy: "call\u{7} somebody".to_owned(),
            since: Timestamp::from_millis(1_700_000_000_000),
        };
        let status = Status {
            view: ProjectView {
                snapshot: snapshot.into(),
                at: tokio::time::Instant::now(),
                first_sync_progress: 0.25,
                is_stale: false,
                sign_in: SignIn {
                    method: "password",
                    expires: Some(Timestamp::from_millis(1_700_000_060_000)),
                },
                page_size: 100,
            },
            failure: Some(failure),
            poll: Some(RunningPoll { duration: Duration::from_secs(754), is_long: true }),
            counting_since: None,
            budget: Budget {
                requests_per_second: 0.5,
                concurrent_requests: 4,
                throttled_seconds: 12.3,
            },
        };
        let links = Links::new(None, Some("/p"), "/metrics");
        let html = project(&status, &links, Timestamp::from_millis(1_700_000_061_000));
        assert_eq!(
            html,
            "<section class=\"project\"><h2>&lt;b&gt;&amp;&quot;</h2>\n\
             <p><span class=\"bad\">✕ Failing, no snapshot yet</span>, polling for 12m 34s, longer than \
             <code>poll.max_staleness</code>. \
             <a href=\"/p/failures?project=%3Cb%3E%26%22\">Failures</a> · \
             <a href=\"/p/desktops?project=%3Cb%3E%26%22\">Desktops</a> · \
             <a href=\"/p/probe?target=%3Cb%3E%26%22\">Metrics</a></p>\n\
             <p class=\"note\">Failing since <time datetime=\"2023-11-14T22:13:20.000Z\">2023-11-14 \
             22:13:20 UTC</time> (1m 1s ago): &quot;&lt;script&gt;&quot; &amp; &#39;x&#39;\
             <br>Request: <code>GET /v2/x?a=1&amp;b=2</code><br>Remedy: call\u{fffd} somebody</p>\n\
             <dl><div><dt>Snapshot</dt><dd>–</dd></div>\
             <div><dt>Records in the window</dt><dd>–</dd></div>\
             <div><dt>Failures in the window</dt><dd>–</dd></div>\
             <div><dt>Sync mode</dt><dd>first_sync, 25%</dd></div>\
             <div><dt>Requests by the last poll</dt><dd>4</dd></div>\
             <div><dt>Request limits</dt><dd>0.5 per second, 4 concurrent, 100 rows per page, \
             throttled for 12 s in total</dd></div>\
             <div><dt>Credentials</dt><dd>password, expire <time \
             datetime=\"2023-11-14T22:14:20.000Z\">2023-11-14 22:14:20 UTC</time></dd></div>\
             <div><dt>Counting since</dt><dd>–</dd></div></dl></section>\n"
        );
    }
}
