//! The line that sums up all projects.

use std::fmt::Write;

use super::failure_links::FailureLinks;
use super::row::Row;
use super::state::State;
use crate::http::links::Links;
use crate::http::page::html::{age, moment, short_duration, since};
use records_api::record::Timestamp;

/// Formats the line.
pub(super) fn overview(rows: &[Row<'_>], links: &Links, now: Timestamp) -> String {
    let up = rows.iter().filter(|row| row.state == State::Up).count();
    let class = if up == rows.len() { "good" } else { "bad" };
    let known = || rows.iter().filter_map(|row| row.records.as_ref());
    let records: u64 = known().map(|records| records.total).sum();
    // Zeros of a project whose records are unknown would look like good news.
    let is_partial = known().count() < rows.len();
    let (of, failures, in_flight) = if is_partial {
        ("known records", "no known failures", "nothing known to be in flight")
    } else {
        ("records", "no failures", "nothing in flight")
    };
    let mut parts = vec![
        format!("<span class=\"{class}\">{up} of {} projects up</span>", rows.len()),
        format!("{records} {of} in the window"),
    ];
    let all = FailureLinks { project: None, status: None, links };
    let unresolved: u64 = rows.iter().map(Row::unresolved).sum();
    let uncounted: u64 = rows.iter().map(Row::uncounted).sum();
    parts.push(match (unresolved, uncounted) {
        (0, 0) => failures.to_owned(),
        (unresolved, 0) => format!("failures: {}", all.unresolved(unresolved)),
        (0, uncounted) => format!("failures: {}", all.uncounted(uncounted)),
        (unresolved, uncounted) => {
            format!("failures: {}, {}", all.unresolved(unresolved), all.uncounted(uncounted))
        }
    });
    parts.push(match known().filter_map(|records| records.oldest_in_flight).min() {
        Some(oldest) => format!("oldest in flight: {}", short_duration(since(now, oldest))),
        None => in_flight.to_owned(),
    });
    let mut html = format!("<p class=\"overview\">{}</p>\n", parts.join(" · "));
    let began = rows.iter().filter(|row| row.uncounted() > 0);
    if let Some(began) = began.filter_map(|row| row.status.counting_since).max() {
        // Writing into a string cannot fail.
        let _ = writeln!(
            html,
            "<p class=\"note caution\">{} failed before counting began ({}, {}). The alerts for unresolved \
             failures do not include them, so look at each. If the exporter was in use before, its \
             state was lost then.</p>",
            records_of(uncounted),
            moment(began),
            age(now, began)
        );
    }
    html
}

fn records_of(number: u64) -> String {
    if number == 1 { "1 recording".to_owned() } else { format!("{number} recordings") }
}
