//! The landing page: where every project stands, for the person who was woken.

use std::fmt::Write;

use crate::collector::Status;
use crate::record::Timestamp;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;\
padding:0 1rem;color-scheme:light dark}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8886;vertical-align:top}\
.bad{font-weight:bold}";

/// The page.
pub(super) fn landing(statuses: &[Status], metrics: &str, now: Timestamp) -> String {
    let metrics = escaped(metrics);
    let mut rows = String::new();
    for status in statuses {
        rows.push_str(&row(status, now));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Screen records exporter</title><style>{STYLE}</style></head><body>\
         <h1>Screen records exporter</h1><p>Version {version}, revision {revision}. \
         <a href=\"{metrics}\">Metrics</a> · <a href=\"/-/ready\">Ready</a> · \
         <a href=\"/-/healthy\">Healthy</a></p>\
         <table><thead><tr><th>Project</th><th>State</th><th>Records</th><th>Snapshot</th>\
         <th>Requests of the last poll</th><th>Credentials</th><th>Last error and what to do</th></tr></thead>\
         <tbody>\n{rows}</tbody></table></body></html>\n",
        version = env!("CARGO_PKG_VERSION"),
        revision = env!("BUILD_REVISION"),
    )
}

fn row(status: &Status, now: Timestamp) -> String {
    let view = &status.view;
    let state = match (&status.failure, &view.snapshot) {
        (Some(_), Some(_)) if view.is_stale => "<span class=\"bad\">failing, nothing shown</span>",
        (Some(_), Some(_)) => "<span class=\"bad\">failing, last snapshot shown</span>",
        (Some(_), None) => "<span class=\"bad\">failing, no snapshot yet</span>",
        (None, None) => "first sync",
        (None, Some(_)) if view.is_stale => "idle: snapshot too old, waiting for a scrape",
        (None, Some(_)) => "up",
    };
    let polling = if status.is_polling { ", polling" } else { "" };
    let progress = match view.snapshot {
        None => format!(", {:.0} %", 100.0 * view.first_sync_progress),
        Some(_) => format!(", {}", view.mode.as_str()),
    };
    let mut row = String::new();
    let snapshot = view.snapshot.as_deref();
    let records = snapshot.map_or_else(|| "–".to_owned(), |s| s.aggregate.records.to_string());
    let age = snapshot.map_or_else(|| "–".to_owned(), |s| age(now, s.completed));
    let requests = view.poll_api_requests.map_or_else(|| "–".to_owned(), |n| n.to_string());
    let sign_in = view.sign_in.method.to_owned();
    let sign_in = match view.sign_in.expires {
        Some(expires) => format!("{sign_in}, until {}", expires.to_rfc3339()),
        None => sign_in,
    };
    let error = status.failure.as_ref().map_or_else(String::new, |failure| {
        let asked = failure.asked.as_deref().map_or_else(String::new, |asked| {
            let method = if asked.starts_with('/') { "GET " } else { "" };
            format!("<br>Asked: <code>{method}{}</code>", escaped(asked))
        });
        format!(
            "Since {}: {}{asked}<br>To do: {}",
            failure.since.to_rfc3339(),
            escaped(&failure.what),
            escaped(&failure.remedy)
        )
    });
    // Writing into a string cannot fail.
    let _ = writeln!(
        row,
        "<tr><td>{}</td><td>{state}{polling}{progress}</td><td>{records}</td><td>{age}</td>\
         <td>{requests}</td><td>{sign_in}</td><td>{error}</td></tr>",
        escaped(view.project())
    );
    row
}

fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = (now.millis() - then.millis()).max(0) / 1000;
    let seconds = std::time::Duration::from_secs(seconds.unsigned_abs());
    format!("{} old", humantime::format_duration(seconds))
}

/// Text as HTML, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() && c != '\n' => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SignIn;
    use crate::collector::Failure;
    use crate::exposition::{ProjectLabels, ProjectView, StoreFigures, SyncMode};

    #[test]
    fn a_failing_project_says_why_and_nothing_of_it_becomes_markup() {
        let status = Status {
            view: ProjectView {
                at: tokio::time::Instant::now(),
                counters: std::sync::Arc::default(),
                store: StoreFigures::default(),
                first_sync_progress: 0.25,
                labels: std::sync::Arc::new(ProjectLabels {
                    project: "<b>".to_owned(),
                    ..ProjectLabels::default()
                }),
                generation: 0,
                up: false,
                window_seconds: 1.0,
                snapshot: None,
                is_stale: false,
                mode: SyncMode::FirstSync,
                poll_api_requests: Some(4),
                sign_in: SignIn {
                    method: "password",
                    expires: Some(Timestamp::from_millis(1_700_000_060_000)),
                },
            },
            failure: Some(Failure {
                asked: Some("/v2/x?a=1&b=2".to_owned()),
                what: "\"<script>\" & 'x'".to_owned(),
                remedy: "call\u{7} somebody".to_owned(),
                since: Timestamp::from_millis(1_700_000_000_000),
            }),
            is_polling: true,
        };
        let html = landing(&[status], "/metrics", Timestamp::from_millis(1_700_000_000_000));
        let row = html.lines().find(|line| line.starts_with("<tr><td>")).unwrap();
        assert_eq!(
            row,
            "<tr><td>&lt;b&gt;</td><td><span class=\"bad\">failing, no snapshot yet</span>, \
             polling, 25 %</td><td>–</td><td>–</td><td>4</td><td>password, until 2023-11-14T22:14:20.000Z</td><td>Since 2023-11-14T22:13:20.000Z: \
             &quot;&lt;script&gt;&quot; &amp; &#39;x&#39;\
             <br>Asked: <code>GET /v2/x?a=1&amp;b=2</code><br>To do: call\u{fffd} somebody</td></tr>"
        );
    }
}
