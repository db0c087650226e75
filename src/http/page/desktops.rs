//! The page `/desktops`: the desktops of the window, the longest silent first.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::response::Response;
use url::form_urlencoded;

use super::html::{escaped, moment, page, short_duration};
use super::list::{Freshness, choice, freshness, named, paging, plain, with_query};
use super::navigation::header;
use crate::http::desktops::{Matches, Query, Row, as_of, find, is_stale, pool_names, selected};
use crate::http::links::Links;
use crate::http::lists::{Format, MAX_ROWS, previous_offset};
use crate::project::Project;
use crate::snapshot::ProjectView;
use records_api::record::Timestamp;

/// Maximum number of pools that the form offers.
const MAX_POOL_CHOICES: usize = 1000;

/// Builds the page.
pub(in crate::http) fn desktops(
    projects: &[Arc<Project>],
    query: &Query,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> Response {
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let projects = selected(projects, query);
    page("Desktops", &body(&names, &projects, query, links, has_records, now))
}

fn body(
    names: &[&str],
    projects: &[ProjectView],
    query: &Query,
    links: &Links,
    has_records: bool,
    now: Timestamp,
) -> String {
    let found = find(projects, query);
    let more = [
        ("Desktops as JSON", address("/api/v1/desktops", query, 0, Format::Json, links)),
        ("Desktops as CSV", address("/api/v1/desktops", query, 0, Format::Csv, links)),
    ];
    let mut html = header("Desktops", "/desktops", &more, links, has_records);
    html.push_str("<main>\n");
    html.push_str(&form(names, projects, query, links));
    let ages: Vec<_> = projects
        .iter()
        .map(|view| Freshness {
            project: view.project(),
            as_of: as_of(view),
            is_stale: is_stale(view),
        })
        .collect();
    html.push_str(&freshness(&ages, links, now));
    if let Some(pool) = query.pool.as_ref().filter(|_| found.is_pool_unknown) {
        // Writing into a string cannot fail.
        let _ = writeln!(html, "<p class=\"note\">Pool {} is not known.</p>", escaped(pool));
    }
    html.push_str(&summary(&found, query));
    if !found.rows.is_empty() {
        html.push_str(&table(&found.rows, links));
    }
    let at = |offset| address("/desktops", query, offset, Format::Html, links);
    let previous = previous_offset(query.offset, query.limit, found.total);
    html.push_str(&paging(previous.map(at), found.next_offset(query).map(at)));
    html.push_str("</main>\n");
    html
}

/// Returns the escaped address of the same list, from another row on or in another format.
fn address(path: &str, query: &Query, offset: usize, format: Format, links: &Links) -> String {
    with_query(path, &query.at_offset(offset, format), links)
}

fn form(names: &[&str], projects: &[ProjectView], query: &Query, links: &Links) -> String {
    let silent_for = query.silent_for.as_ref().map_or("", |silent| &silent.text);
    format!(
        "<form method=\"get\" action=\"{}\">{}{}\
         <label>Silent for <input name=\"silent_for\" placeholder=\"24h\" value=\"{}\"></label>\
         <label>Limit <input name=\"limit\" type=\"number\" min=\"1\" max=\"{MAX_ROWS}\" \
         value=\"{}\"></label><button>Show</button></form>\n",
        links.link("/desktops"),
        choice("Project", "project", &plain(names), query.project.as_deref()),
        choice("Pool", "pool", &pools(projects), query.pool.as_deref()),
        escaped(silent_for),
        query.limit
    )
}

/// Returns ids and names of the pools, ordered by name.
fn pools(projects: &[ProjectView]) -> Vec<(&str, &str)> {
    let mut pools = BTreeMap::new();
    for view in projects {
        for desktop in &*view.desktops {
            let pool = desktop.pool.as_deref().unwrap_or("_none");
            pools.entry(pool).or_insert(pool);
        }
        pools.extend(pool_names(view).into_iter().filter(|(_, name)| !name.is_empty()));
    }
    let mut pools: Vec<_> = pools.into_iter().collect();
    pools.sort_by_key(|(_, name)| *name);
    pools.truncate(MAX_POOL_CHOICES);
    pools
}

fn summary(found: &Matches<'_>, query: &Query) -> String {
    let (shown, total) = (found.rows.len(), found.total);
    match (shown, total) {
        (_, 0) => "<p>No matching desktops.</p>\n".to_owned(),
        (0, _) => format!("<p>{total} desktops match, none from number {} on.</p>\n", query.offset),
        (1, 1) => "<p>1 desktop.</p>\n".to_owned(),
        _ if shown == total => format!("<p>{total} desktops, the longest silent first.</p>\n"),
        _ => format!(
            "<p>Desktops {} to {} of {total}, the longest silent first.</p>\n",
            query.offset + 1,
            query.offset + shown
        ),
    }
}

fn table(rows: &[Row<'_>], links: &Links) -> String {
    let mut html = "<table><thead><tr>".to_owned();
    for head in HEADS {
        // Writing into a string cannot fail.
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (head, cell) in HEADS.into_iter().zip(cells(row, links)) {
            // Short words stay on one line.
            let is_short = matches!(head, "Silent for" | "Records" | "Failed");
            let class = if is_short { " class=\"short\"" } else { "" };
            let _ = write!(html, "<td data-label=\"{head}\"{class}>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>\n");
    html
}

const HEADS: [&str; 8] =
    ["Silent for", "Last start", "Last upload", "Project", "Pool", "Desktop", "Records", "Failed"];

fn cells(row: &Row<'_>, links: &Links) -> [String; HEADS.len()] {
    let desktop = row.desktop;
    [
        short_duration(row.silence()),
        moment(desktop.last_start),
        desktop.last_upload.map_or_else(|| "–".to_owned(), moment),
        escaped(row.project),
        named(row.pool_name, desktop.pool.as_deref()),
        named(desktop.name.as_deref(), Some(&desktop.id)),
        desktop.records.to_string(),
        failed(row, links),
    ]
}

/// Formats the number of failed records, with a link to them.
fn failed(row: &Row<'_>, links: &Links) -> String {
    let failed = row.desktop.failed;
    if failed == 0 {
        return "0".to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("project", row.project);
    query.append_pair("desktop", &row.desktop.id);
    let href = escaped(&format!("{}?{}", links.link("/failures"), query.finish()));
    format!("<a class=\"bad\" href=\"{href}\">{failed}</a>")
}
