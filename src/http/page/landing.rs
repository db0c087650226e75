//! The page `/`: all projects at a glance.

mod details;
mod failure_links;
mod note;
mod overview;
mod polling;
mod row;
mod state;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use axum::response::Response;

use super::html::page;
use super::navigation::header;
use crate::http::links::Links;
use crate::http::refresh::Refresh;
use crate::project::Status;
use records_api::record::Timestamp;

/// Number of projects up to which all details are open.
const MAX_OPEN: usize = 3;

/// Builds the page.
pub(in crate::http) fn landing(
    statuses: &[Status],
    refresh: Refresh,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> Response {
    let body = body(statuses, refresh, links, has_records, now);
    let mut response = page("Screen records exporter", &body);
    response.headers_mut().extend(refresh.header());
    response
}

fn body(
    statuses: &[Status],
    refresh: Refresh,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> String {
    let rows = row::rows(statuses);
    let more = [
        ("Metrics", links.metrics_link()),
        ("Service discovery", links.link("/sd")),
        ("Ready", links.link("/-/ready")),
        ("Healthy", links.link("/-/healthy")),
    ];
    let mut html = header("Screen records exporter", "/", &more, links, has_records);
    html.push_str(
        "<main>\n<p>Shows whether the screen recordings of Huawei Cloud Workspace desktops are made and \
         reach their storage bucket, and exports this to Prometheus.</p>\n",
    );
    html.push_str(&overview::overview(&rows, links, now));
    html.push_str(&table::table(&rows, links, now));
    html.push_str("<h2>Details</h2>\n<div class=\"details\">\n");
    for (index, row) in rows.iter().enumerate() {
        let is_open = rows.len() <= MAX_OPEN;
        html.push_str(&details::details(row.status, index, is_open, links, now));
    }
    // Writing into a string cannot fail.
    let _ = writeln!(
        html,
        "</div>\n<p class=\"quiet\">{} Version {version}, revision {revision}.</p>\n</main>",
        refreshing(refresh, links),
        version = env!("CARGO_PKG_VERSION"),
        revision = env!("BUILD_REVISION"),
    );
    html
}

/// Formats whether the page refreshes itself, with a link that changes it.
fn refreshing(refresh: Refresh, links: &Links) -> String {
    let page = links.link("/");
    match refresh.0 {
        Some(interval) => format!(
            "This page refreshes itself every {}: <a href=\"{page}?refresh=off\">stop</a>.",
            humantime::format_duration(interval)
        ),
        None => format!("This page does not refresh itself: <a href=\"{page}\">start</a>."),
    }
}
