//! The page of the newest failed records: which recording, on whose desktop, and which file.

use std::fmt::Write;
use std::sync::Arc;

use axum::response::Response;

use super::html::{age, escaped, moment, page, refusal, size};
use crate::collector::{FailedRecords, Project};
use crate::http::failures::{Found, MOST_ROWS, Query, Row, asked, find};
use records_api::record::{RecordType, Status, Timestamp};

/// Rows of a page that names no limit.
const ROWS: usize = 100;

/// The page, or why there is none.
pub(in crate::http) fn failures(
    projects: &[Arc<Project>],
    query: &str,
    now: Timestamp,
) -> Response {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    match Query::read(query, ROWS, &names) {
        Ok(query) => {
            let asked = asked(projects, &query);
            let found = find(&asked, &query);
            page("Failed screen records", &body(&names, &asked, &found, &query, now))
        }
        Err(why) => refusal(why.status(), &why.to_string()),
    }
}

fn body(
    names: &[&str],
    asked: &[FailedRecords],
    found: &Found<'_>,
    query: &Query,
    now: Timestamp,
) -> String {
    let mut html = "<header><h1>Failed screen records</h1>\n<nav><ul><li><a href=\"/\">Where it \
                    stands</a></li><li><a href=\"/api/v1/failures\">As JSON</a></li></ul></nav>\
                    </header>\n<main>\n"
        .to_owned();
    html.push_str(&form(names, query));
    for of in asked {
        html.push_str(&standing(of, now));
    }
    // Writing into a string cannot fail.
    let shown = found.rows.len();
    let _ = match (shown, found.truncated) {
        (0, _) => writeln!(html, "<p>No failed records to show.</p>"),
        (_, true) => writeln!(html, "<p>The newest {shown}; there are more.</p>"),
        (_, false) => writeln!(html, "<p>{shown}, the newest first.</p>"),
    };
    if shown > 0 {
        html.push_str(&table(&found.rows));
    }
    html.push_str("</main>\n");
    html
}

/// As of when the failures of a project are, said loudly when they may have changed since.
fn standing(of: &FailedRecords, now: Timestamp) -> String {
    let name = escaped(&of.project);
    match of.as_of {
        None => {
            format!("<p class=\"note\">{name}: not known before the first poll is complete.</p>\n")
        }
        Some(then) if of.is_stale => format!(
            "<p class=\"note\">{name}: as of {}, {}. What failed or was solved since is not shown; \
             <a href=\"/\">why</a>.</p>\n",
            moment(then),
            age(now, then)
        ),
        Some(then) => {
            format!("<p class=\"quiet\">{name}: as of {}, {}.</p>\n", moment(then), age(now, then))
        }
    }
}

fn form(names: &[&str], query: &Query) -> String {
    let statuses = Status::ALL.into_iter().filter(|status| status.is_failed());
    let statuses: Vec<_> = statuses.map(Status::code).collect();
    let types = RecordType::ALL.map(RecordType::code);
    let status = query.status.map(Status::code);
    let text = |value: &Option<String>| escaped(value.as_deref().unwrap_or_default());
    format!(
        "<form method=\"get\" action=\"/failures\">{}{}{}\
         <label>Pool <input name=\"pool\" value=\"{}\"></label>\
         <label>User <input name=\"user\" value=\"{}\"></label>\
         <label>At most <input name=\"limit\" type=\"number\" min=\"1\" max=\"{MOST_ROWS}\" \
         value=\"{}\"></label><button>Show</button></form>\n",
        choice("Project", "project", names, query.project.as_deref()),
        choice("Status", "status", &statuses, status),
        choice("Type", "type", &types, query.record_type.as_deref()),
        text(&query.pool),
        text(&query.user),
        query.limit
    )
}

/// A list to choose from; what was asked for is in it, whatever it is.
fn choice(title: &str, name: &str, values: &[&str], chosen: Option<&str>) -> String {
    let mut html =
        format!("<label>{title} <select name=\"{name}\"><option value=\"\">all</option>");
    let other = chosen.filter(|chosen| !values.contains(chosen));
    for value in values.iter().copied().chain(other) {
        let selected = if chosen == Some(value) { " selected" } else { "" };
        let value = escaped(value);
        // Writing into a string cannot fail.
        let _ = write!(html, "<option value=\"{value}\"{selected}>{value}</option>");
    }
    html.push_str("</select></label>");
    html
}

fn table(rows: &[Row<'_>]) -> String {
    let heads = ["Began", "Status", "Project", "Pool", "Desktop", "User", "Type", "Size", "File"];
    let mut html = "<table><thead><tr>".to_owned();
    for head in heads.into_iter().chain(["Id"]) {
        // Writing into a string cannot fail.
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (name, cell) in cells(row) {
            // Words of a known length are not broken.
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
    let text = |text: Option<&str>| text.map_or_else(|| "–".to_owned(), escaped);
    let counted = if failure.counted { "counted" } else { "there before counting" };
    let changed = failure
        .update
        .map_or_else(String::new, |update| format!("<small>changed {}</small>", moment(update)));
    [
        ("Began", format!("{}{changed}", moment(failure.start))),
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
        ("User", text(failure.user.as_deref())),
        ("Type", text(failure.record_type)),
        ("Size", failure.size_bytes.map_or_else(|| "–".to_owned(), size)),
        ("File", file(failure.bucket, failure.file_directory, failure.file_name)),
        ("Id", format!("<code>{}</code>", escaped(failure.id))),
    ]
}

/// A name with the id below it, as far as they are known.
fn named(name: Option<&str>, id: Option<&str>) -> String {
    match (name, id) {
        (Some(name), Some(id)) => format!("{}<small>{}</small>", escaped(name), escaped(id)),
        (one, other) => one.or(other).map_or_else(|| "–".to_owned(), escaped),
    }
}

/// A file's name with its bucket and folder below it.
fn file(bucket: Option<&str>, folder: Option<&str>, name: Option<&str>) -> String {
    let place: Vec<_> = [bucket, folder].into_iter().flatten().collect();
    let place = (!place.is_empty()).then(|| place.join("/"));
    named(name, place.as_deref())
}
