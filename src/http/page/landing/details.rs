//! The details of a project, below the table.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::links::Links;
use crate::http::page::html::{age, escaped, moment, with_code};
use crate::project::{LeadershipView, Status};
use records_api::record::Timestamp;

/// Formats the details. The id is inside the element that opens, because a link to it then opens it.
pub(super) fn details(
    status: &Status,
    index: usize,
    is_open: bool,
    links: &Links,
    now: Timestamp,
) -> String {
    let name = status.view.project();
    let target = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let mut html = format!(
        "<details class=\"project\"{open}><summary>{name}</summary>\n<p id=\"project-{index}\">\
         <a href=\"{failures}?project={target}\">Failures</a> · \
         <a href=\"{desktops}?project={target}\">Desktops</a> · \
         <a href=\"{probe}?target={target}\">Metrics</a></p>\n<dl>",
        open = if is_open { " open" } else { "" },
        name = escaped(name),
        failures = links.link("/failures"),
        desktops = links.link("/desktops"),
        probe = links.link("/probe"),
    );
    for (name, value) in values(status, now) {
        // Writing into a string cannot fail.
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    if let Some(failure) = &status.failure {
        let _ = write!(
            html,
            "<div class=\"wide\"><dt>Error</dt><dd>{}</dd></div>",
            with_code(&failure.what)
        );
        if let Some(request) = &failure.request {
            let method = if request.starts_with('/') { "GET " } else { "" };
            let request = escaped(request);
            let _ = write!(
                html,
                "<div class=\"wide\"><dt>Request</dt><dd><code>{method}{request}</code></dd></div>"
            );
        }
    }
    html.push_str("</dl></details>\n");
    html
}

/// Returns names and values.
fn values(status: &Status, now: Timestamp) -> Vec<(&'static str, String)> {
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
    let at = |then: Timestamp| format!("{}, {}", moment(then), age(now, then));
    let mut values = vec![
        ("Snapshot", snapshot.map_or_else(none, |snapshot| at(snapshot.poll.completed))),
        ("Counting since", status.counting_since.map_or_else(none, at)),
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
    ];
    values.extend(status.leadership.as_ref().map(|known| ("Leader", leader(known))));
    values
}

/// Formats the replica that polls the project.
fn leader(known: &LeadershipView) -> String {
    let differs = match &*known.differences {
        [] => String::new(),
        keys => format!("; the config differs in {}", escaped(&keys.join(", "))),
    };
    let Some(leader) = &known.leader else {
        return format!("none, until a replica takes over{differs}");
    };
    let name = match &*leader.name {
        "" => "another replica".to_owned(),
        name => escaped(name),
    };
    // Whoever writes into the database must not choose the scheme.
    let is_link = ["http://", "https://"].iter().any(|scheme| leader.url.starts_with(scheme));
    let name =
        if is_link { format!("<a href=\"{}\">{name}</a>", escaped(&leader.url)) } else { name };
    let this = if leader.is_this { " (this one)" } else { "" };
    format!("{name}{this}, epoch {}{differs}", known.epoch)
}
