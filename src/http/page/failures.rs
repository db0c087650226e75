//! The page `/failures`: the newest failed records with desktop, user and file.

use std::fmt::Write;
use std::sync::Arc;

use axum::response::Response;

use super::html::{error_page, escaped, moment, page, records_link, size, text_or_dash};
use super::list::{choice, file, freshness, named, plain};
use crate::http::failures::{MAX_ROWS, Matches, Query, Row, find, selected};
use crate::http::links::Links;
use crate::project::Project;
use crate::snapshot::FailedRecords;
use records_api::record::{RecordType, Status, Timestamp};

/// Default number of rows.
const DEFAULT_ROWS: usize = 100;

/// Builds the page, or the error for an invalid query.
pub(in crate::http) fn failures(
    projects: &[Arc<Project>],
    query: &str,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> Response {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    match Query::parse(query, DEFAULT_ROWS, &names) {
        Ok(query) => {
            let projects = selected(projects, &query);
            let matches = find(&projects, &query);
            let body = body(&names, &projects, &matches, &query, links, has_records, now);
            page("Failed screen records", &body)
        }
        Err(error) => error_page(error.status(), &error.to_string()),
    }
}

fn body(
    names: &[&str],
    projects: &[FailedRecords],
    matches: &Matches<'_>,
    query: &Query,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> String {
    let mut html = format!(
        "<header><h1>Failed screen records</h1>\n<nav><ul><li><a href=\"{}\">Projects</a></li>\
         <li><a href=\"{}\">Desktops</a></li>{}<li><a href=\"{}\">Failures as JSON</a></li></ul></nav></header>\n<main>\n",
        links.link("/"),
        links.link("/desktops"),
        records_link(has_records, links),
        links.link("/api/v1/failures"),
    );
    html.push_str(&form(names, query, links));
    for of in projects {
        html.push_str(&freshness(&of.project, of.as_of, of.is_stale, links, now));
    }
    // Writing into a string cannot fail.
    let shown = matches.rows.len();
    let _ = match (shown, matches.truncated) {
        (0, _) => writeln!(html, "<p>No matching failed records.</p>"),
        (_, true) => writeln!(html, "<p>Newest {shown} shown, more match.</p>"),
        (1, false) => writeln!(html, "<p>1 failed record.</p>"),
        (_, false) => writeln!(html, "<p>{shown} failed records, newest first.</p>"),
    };
    if shown > 0 {
        html.push_str(&table(&matches.rows));
    }
    html.push_str("</main>\n");
    html
}

fn form(names: &[&str], query: &Query, links: &Links) -> String {
    let statuses = Status::ALL.into_iter().filter(|status| status.is_failed());
    let statuses: Vec<_> = statuses.map(Status::code).collect();
    let types = RecordType::ALL.map(RecordType::code);
    let status = query.status.map(Status::code);
    let text = |value: &Option<String>| escaped(value.as_deref().unwrap_or_default());
    format!(
        "<form method=\"get\" action=\"{}\">{}{}{}\
         <label>Pool <input name=\"pool\" value=\"{}\"></label>\
         <label>User <input name=\"user\" value=\"{}\"></label>\
         <label>Limit <input name=\"limit\" type=\"number\" min=\"1\" max=\"{MAX_ROWS}\" \
         value=\"{}\"></label><button>Show</button></form>\n",
        links.link("/failures"),
        choice("Project", "project", &plain(names), query.project.as_deref()),
        choice("Status", "status", &plain(&statuses), status),
        choice("Type", "type", &plain(&types), query.record_type.as_deref()),
        text(&query.pool),
        text(&query.user),
        query.limit
    )
}

fn table(rows: &[Row<'_>]) -> String {
    let heads = ["Start", "Status", "Project", "Pool", "Desktop", "User", "Type", "Size", "File"];
    let mut html = "<table><thead><tr>".to_owned();
    for head in heads.into_iter().chain(["ID"]) {
        // Writing into a string cannot fail.
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (name, cell) in cells(row) {
            // Short words stay on one line.
            let is_short = matches!(name, "Status" | "Size") || name == "Type" && cell.len() < 12;
            let class = if is_short { " class=\"short\"" } else { "" };
            let _ = write!(html, "<td data-label=\"{name}\"{class}>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>\n");
    html
}

fn cells(row: &Row<'_>) -> [(&'static str, String); 10] {
    let failure = &row.failure;
    let counted = if failure.counted { "unresolved" } else { "before counting began" };
    let updated = failure
        .update
        .map_or_else(String::new, |update| format!("<small>updated {}</small>", moment(update)));
    [
        ("Start", format!("{}{updated}", moment(failure.start))),
        (
            "Status",
            format!(
                "<span class=\"bad\">{}</span><small>{counted}</small>",
                escaped(failure.status)
            ),
        ),
        ("Project", escaped(row.project)),
        ("Pool", named(row.pool_name, failure.pool)),
        ("Desktop", named(failure.desktop_name, failure.desktop_id)),
        ("User", text_or_dash(failure.user.as_deref())),
        ("Type", text_or_dash(failure.record_type)),
        ("Size", failure.size_bytes.map_or_else(|| "–".to_owned(), size)),
        ("File", file(failure.bucket, failure.file_directory, failure.file_name)),
        ("ID", format!("<code>{}</code>", escaped(failure.id))),
    ]
}
