//! The page `/failures`: failed records with desktop, user and file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use axum::response::Response;

use super::html::{escaped, page, size, text_or_dash};
use super::list::{Freshness, choice, freshness, paging, plain, suggestions, with_query};
use super::navigation::header;
use crate::field_text::field_text;
use crate::http::failures::{Matches, Query, Row, find, selected};
use crate::http::links::Links;
use crate::http::lists::{Format, MAX_ROWS, previous_offset};
use crate::ledger::MAX_FAILURE_DETAILS;
use crate::project::Project;
use crate::snapshot::{FailedRecords, FailureFilter};
use records_api::record::{RecordType, Status, Timestamp};

/// Maximum number of pools, and of users, that the form offers.
const MAX_CHOICES: usize = 1000;

/// Builds the page.
pub(in crate::http) fn failures(
    projects: &[Arc<Project>],
    query: &Query,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> Response {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let projects = selected(projects, query);
    let body = body(&names, &projects, query, links, has_records, now);
    page("Failed screen records", &body)
}

fn body(
    names: &[&str],
    projects: &[FailedRecords],
    query: &Query,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> String {
    let found = find(projects, query);
    let more = [
        ("Failures as JSON", address("/api/v1/failures", query, 0, Format::Json, links)),
        ("Failures as CSV", address("/api/v1/failures", query, 0, Format::Csv, links)),
    ];
    let mut html = header("Failed screen records", "/failures", &more, links, has_records);
    html.push_str("<main>\n");
    html.push_str(&form(names, projects, query, links));
    let ages: Vec<_> = projects
        .iter()
        .map(|of| Freshness { project: &of.project, as_of: of.as_of, is_stale: of.is_stale })
        .collect();
    html.push_str(&freshness(&ages, links, now));
    let are_hidden = projects.iter().any(|of| !of.users.are_shown());
    let hint = if are_hidden {
        " Names are hidden (<code>labels.user</code>): a user is a hash, a desktop an ID."
    } else {
        ""
    };
    for (name, value) in &found.unknown {
        // Writing into a string cannot fail.
        let _ = writeln!(
            html,
            "<p class=\"note\">No failed record has the {name} {}.{hint}</p>",
            escaped(value)
        );
    }
    html.push_str(&summary(&found, projects, query, links));
    if !found.rows.is_empty() {
        html.push_str(&table(&found.rows, projects.len() > 1));
    }
    let at = |offset| address("/failures", query, offset, Format::Html, links);
    let previous = previous_offset(query.offset, query.limit, found.total);
    html.push_str(&paging(previous.map(at), found.next_offset(query).map(at)));
    html.push_str("</main>\n");
    html
}

/// Returns the escaped address of the same list, from another row on or in another format.
fn address(path: &str, query: &Query, offset: usize, format: Format, links: &Links) -> String {
    with_query(path, &query.at_offset(offset, format), links)
}

fn form(names: &[&str], projects: &[FailedRecords], query: &Query, links: &Links) -> String {
    let filter = &query.filter;
    let statuses = Status::ALL.into_iter().filter(|status| status.is_failed());
    let statuses: Vec<_> = statuses.map(Status::code).collect();
    let counted = [("true", "since counting began"), ("false", "before counting began")];
    let users = users(projects);
    let mut html = format!(
        "<form method=\"get\" action=\"{}\">{}{}{}{}{}",
        links.link("/failures"),
        choice("Project", "project", &plain(names), query.project.as_deref()),
        choice("Pool", "pool", &pools(projects), filter.pool.as_deref()),
        choice("Status", "status", &plain(&statuses), filter.status.map(Status::code)),
        choice(
            "Type",
            "type",
            &plain(&RecordType::ALL.map(RecordType::code)),
            filter.record_type.as_deref()
        ),
        choice(
            "Failed",
            "counted",
            &counted,
            filter.counted.map(|counted| if counted { "true" } else { "false" })
        ),
    );
    if !projects.iter().all(|of| of.users.are_dropped()) {
        let users = users.iter().map(|user| &**user).take(MAX_CHOICES);
        html.push_str(&suggestions("User", "user", users, filter.user.as_deref()));
    }
    let moment = |moment: Option<Timestamp>| moment.map(Timestamp::to_rfc3339);
    for (title, name, hint, value) in [
        ("Desktop", "desktop", "name or ID", filter.desktop.clone()),
        ("Started from", "from", "2026-11-20", moment(filter.from)),
        ("Started before", "to", "2026-11-20T09:30:00Z", moment(filter.to)),
    ] {
        let value = escaped(&field_text(&value.unwrap_or_default()));
        // Writing into a string cannot fail.
        let _ = write!(
            html,
            "<label>{title} <input name=\"{name}\" placeholder=\"{hint}\" value=\"{value}\"></label>"
        );
    }
    let _ = writeln!(
        html,
        "<label>Limit <input name=\"limit\" type=\"number\" min=\"1\" max=\"{MAX_ROWS}\" \
         value=\"{}\"></label><button>Show</button></form>",
        query.limit
    );
    html
}

/// Returns ids and names of the pools that have failed records, ordered by name.
fn pools(projects: &[FailedRecords]) -> Vec<(&str, &str)> {
    let mut pools = BTreeMap::new();
    for of in projects {
        let names = of.pool_names();
        for pool in of.list.pools() {
            let name = names.get(pool).copied().filter(|name| !name.is_empty());
            pools.insert(pool, name.unwrap_or(pool));
        }
    }
    let mut pools: Vec<_> = pools.into_iter().collect();
    pools.sort_by_key(|(_, name)| *name);
    pools.truncate(MAX_CHOICES);
    pools
}

/// Returns the users that have failed records, in order.
fn users(projects: &[FailedRecords]) -> BTreeSet<Arc<str>> {
    projects.iter().flat_map(FailedRecords::shown_users).collect()
}

/// Formats how many failures match, are shown, and existed before counting began.
fn summary(
    found: &Matches<'_>,
    projects: &[FailedRecords],
    query: &Query,
    links: &Links,
) -> String {
    let (shown, total) = (found.rows.len(), found.total);
    let text = match (shown, total) {
        (_, 0) if projects.iter().any(|of| of.as_of.is_none()) => {
            "No known failed records match.".to_owned()
        }
        (_, 0) => "No matching failed records.".to_owned(),
        (0, _) => {
            format!("{total} failed records match, none of them from row {} on.", query.offset + 1)
        }
        (1, 1) => "1 failed record.".to_owned(),
        _ if shown == total => format!("{total} failed records, newest first."),
        _ => format!(
            "Failed records {} to {} of {total}, newest first.",
            query.offset + 1,
            query.offset + shown
        ),
    };
    let before: usize = projects.iter().map(|of| of.list.before_counting()).sum();
    let all: usize = projects.iter().map(|of| of.list.len()).sum();
    let before = if before == 0 {
        String::new()
    } else {
        let earlier = Query {
            project: query.project.clone(),
            filter: FailureFilter { counted: Some(false), ..FailureFilter::default() },
            limit: query.limit,
            ..Query::default()
        };
        format!(
            " <a class=\"bad\" href=\"{}\">{before} of {all} failed records in the window date from before \
             counting began</a>. They do not count as unresolved.",
            address("/failures", &earlier, 0, Format::Html, links)
        )
    };
    let kept = if found.rows.iter().all(|row| row.failure.id.is_some()) {
        String::new()
    } else {
        format!(
            "<p class=\"quiet\">IDs and file names are kept for the newest {MAX_FAILURE_DETAILS} failed \
             records of each project.</p>\n"
        )
    };
    format!("<p>{text}{before}</p>\n{kept}")
}

fn table(rows: &[Row<'_>], has_projects: bool) -> String {
    let mut html = "<table class=\"dense\"><thead><tr>".to_owned();
    let is_shown = |name: &str| has_projects || name != "Project";
    for head in HEADS.into_iter().filter(|head| is_shown(head)) {
        // Writing into a string cannot fail.
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (head, cell) in HEADS.into_iter().zip(cells(row)).filter(|(head, _)| is_shown(head)) {
            let class = match head {
                "ID" => " class=\"id\"",
                "Project" | "Pool" | "Desktop" | "User" | "Type" | "File" => " class=\"cut\"",
                _ => "",
            };
            let title = cell
                .title
                .map_or_else(String::new, |title| format!(" title=\"{}\"", escaped(&title)));
            let _ = write!(html, "<td data-label=\"{head}\"{class}{title}>{}</td>", cell.html);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>\n");
    html
}

const HEADS: [&str; 11] = [
    "Start (UTC)",
    "Status",
    "Counted",
    "Project",
    "Pool",
    "Desktop",
    "User",
    "Type",
    "Size",
    "File",
    "ID",
];

/// A cell of the table. The style cuts long texts off on a wide screen.
struct Cell {
    html: String,
    /// All of a text that may be cut off, with what belongs to it.
    title: Option<String>,
}

/// Returns a cell that shows the first known text and has all of them in its title.
fn cut<const N: usize>(texts: [Option<&str>; N]) -> Cell {
    let known: Vec<_> = texts.into_iter().flatten().collect();
    let title = (!known.is_empty()).then(|| known.join("\n"));
    Cell { html: text_or_dash(known.first().copied()), title }
}

fn cells(row: &Row<'_>) -> [Cell; HEADS.len()] {
    let failure = &row.failure;
    let plain = |html: String| Cell { html, title: None };
    let start = failure.start.to_rfc3339();
    let updated = failure.update.map(|update| format!("updated {} UTC", update.to_query()));
    let place: Vec<_> = [failure.bucket, failure.file_directory].into_iter().flatten().collect();
    let place = (!place.is_empty()).then(|| place.join("/"));
    [
        Cell {
            html: format!("<time datetime=\"{start}\">{}</time>", failure.start.to_query()),
            title: updated,
        },
        plain(format!("<span class=\"bad\">{}</span>", escaped(failure.status))),
        if failure.counted {
            plain("yes".to_owned())
        } else {
            let title = "It failed before counting began.".to_owned();
            Cell { html: "before".to_owned(), title: Some(title) }
        },
        cut([Some(row.project)]),
        cut([row.pool_name, failure.pool]),
        cut([failure.desktop_name, failure.desktop_id]),
        cut([failure.user.as_deref()]),
        cut([failure.record_type]),
        plain(failure.size_bytes.map_or_else(|| "–".to_owned(), size)),
        cut([failure.file_name, place.as_deref()]),
        cut([failure.id]),
    ]
}
