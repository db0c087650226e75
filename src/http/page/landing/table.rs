//! The table of the projects: state, records by status, and the error of those that fail.

use std::fmt::Write;

use super::failure_links::FailureLinks;
use super::note::note;
use super::polling::polling;
use super::row::{Count, Row};
use crate::http::links::Links;
use crate::http::page::html::{escaped, short_duration, since};
use records_api::record::{Status, Timestamp};

/// Formats the table.
pub(super) fn table(rows: &[Row<'_>], links: &Links, now: Timestamp) -> String {
    let mut html = "<table class=\"projects\"><thead><tr>".to_owned();
    for head in heads() {
        // A long status breaks at the underscore.
        let head = head.replace('_', "_<wbr>");
        // Writing into a string cannot fail.
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    let mut index = 0;
    for group in rows.chunk_by(Row::shares_note_with) {
        for row in group {
            html.push_str("<tr>");
            for (head, cell) in heads().into_iter().zip(cells(row, index, links, now)) {
                let _ = write!(html, "<td data-label=\"{head}\">{cell}</td>");
            }
            html.push_str("</tr>\n");
            index += 1;
        }
        if let Some(note) = note(group, now) {
            let columns = heads().len();
            let _ = writeln!(html, "<tr class=\"note\"><td colspan=\"{columns}\">{note}</td></tr>");
        }
    }
    html.push_str("</tbody></table>\n");
    html
}

fn heads() -> Vec<&'static str> {
    let statuses = Status::ALL.map(Status::code);
    [&["Project", "State", "Records"][..], &statuses, &["Oldest in flight", "Snapshot"]].concat()
}

fn cells(row: &Row<'_>, index: usize, links: &Links, now: Timestamp) -> Vec<String> {
    let view = &row.status.view;
    let unknown = || "–".to_owned();
    let records = row.records.as_ref();
    let by_status = Status::ALL.into_iter().enumerate().map(|(at, status)| {
        let count = records.map(|records| records.by_status[at]);
        count.map_or_else(unknown, |count| number(row, status, count, links))
    });
    let ago = |then| short_duration(since(now, then));
    let oldest = records.and_then(|records| records.oldest_in_flight);
    let completed = view.records.as_ref().map(|snapshot| snapshot.poll.completed);
    let mut cells = vec![
        format!("<a href=\"#project-{index}\">{}</a>", escaped(view.project())),
        state(row),
        records.map_or_else(unknown, |records| records.total.to_string()),
    ];
    cells.extend(by_status);
    cells.push(oldest.map_or_else(unknown, ago));
    cells.push(completed.map_or_else(unknown, |then| format!("{} ago", ago(then))));
    cells
}

/// Formats the number of records in a status. Failures are apart: those that were counted, and those from
/// before counting began, which no counter and no alert shows.
fn number(row: &Row<'_>, status: Status, count: Count, links: &Links) -> String {
    if !status.is_failed() || count.total == 0 {
        return count.total.to_string();
    }
    let project = Some(row.status.view.project());
    let failures = FailureLinks { project, status: Some(status), links };
    match (count.counted, count.uncounted()) {
        (counted, 0) => failures.unresolved(counted),
        (0, uncounted) => failures.uncounted(uncounted),
        (counted, uncounted) => {
            format!("{}<br>{}", failures.unresolved(counted), failures.uncounted(uncounted))
        }
    }
}

fn state(row: &Row<'_>) -> String {
    let (class, text) = (row.state.class(), row.state.text());
    let mut html = format!("<span class=\"{class}\">{text}</span>");
    let polling = row.status.poll.and_then(polling);
    for more in row.state.consequence(row.status).into_iter().chain(polling) {
        // Writing into a string cannot fail.
        let _ = write!(html, "<small>{more}</small>");
    }
    html
}
