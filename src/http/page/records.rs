//! The page `/records`: a form, and the first records that match it.

use std::fmt::Write;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use super::html::{escaped, moment, page, size, text_or_dash};
use super::list::{choice, file, named, plain};
use super::navigation::header;
use crate::http::links::Links;
use crate::http::records::{Claims, ListError, Query, RecordList, Refusal, start};
use crate::listing::Row;
use crate::project::Project;
use records_api::clock::Clock;
use records_api::record::{Field, RecordType, Status, Timestamp};

/// Maximum number of records on the page. The file has all of them.
const MAX_ROWS: usize = 1000;

/// Builds the page. Without a query it has only the form.
pub(in crate::http) async fn records(
    projects: &[Arc<Project>],
    text: Option<&str>,
    claims: &Claims,
    links: &Links,
    clock: Arc<dyn Clock>,
) -> Response {
    let now = Timestamp::from_millis(clock.now_millis());
    let names: Vec<_> = projects.iter().map(|project| project.name()).collect();
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return frame(StatusCode::OK, &names, &Query::default_at(now), links, "");
    };
    let query = match Query::parse(text, &names, now) {
        Ok(query) => query,
        Err(error) => {
            return refused(&names, &Query::default_at(now), links, &Refusal::Query(error));
        }
    };
    let list = match start(projects, &query, claims, clock).await {
        Ok(list) => list,
        Err(refusal) => return refused(&names, &query, links, &refusal),
    };
    match table(list).await {
        Ok(html) => frame(StatusCode::OK, &names, &query, links, &html),
        Err(error) => refused(&names, &query, links, &Refusal::List(error)),
    }
}

fn refused(names: &[&str], query: &Query, links: &Links, refusal: &Refusal) -> Response {
    let html = format!("<p class=\"note\">{}</p>\n", escaped(&refusal.text()));
    let mut response = frame(refusal.status(), names, query, links, &html);
    refusal.add_headers(&mut response);
    response
}

fn frame(
    status: StatusCode,
    names: &[&str],
    query: &Query,
    links: &Links,
    content: &str,
) -> Response {
    let body = format!(
        "{}<main>\n{}{content}</main>\n",
        header("Screen records", "/records", &[], links, true),
        form(names, query, links),
    );
    let mut response = page("Screen records", &body);
    *response.status_mut() = status;
    response
}

fn form(names: &[&str], query: &Query, links: &Links) -> String {
    let selection = &query.selection;
    let end = query.range.end.unwrap_or(query.range.start);
    let mut html = format!(
        "<form method=\"get\" action=\"{}\">{}{}{}",
        links.link("/records"),
        choice("Project", "project", &plain(names), query.project.as_deref()),
        choice(
            "Status",
            "status",
            &plain(&Status::ALL.map(Status::code)),
            selection.status.map(Status::code)
        ),
        choice(
            "Type",
            "type",
            &plain(&RecordType::ALL.map(RecordType::code)),
            selection.record_type.map(RecordType::code)
        ),
    );
    for (title, name, value) in [
        ("From", "from", Some(query.range.start.to_rfc3339())),
        ("To", "to", Some(end.to_rfc3339())),
        ("User", "user", query.user.clone()),
        ("Desktop", "desktop", query.desktop.clone()),
        ("Pool", "pool", selection.pool.clone()),
        ("Bucket", "bucket", selection.bucket.clone()),
        ("Policy", "policy", selection.policy.clone()),
    ] {
        let value = escaped(&value.unwrap_or_default());
        // Writing into a string cannot fail.
        let _ = write!(html, "<label>{title} <input name=\"{name}\" value=\"{value}\"></label>");
    }
    let _ = writeln!(
        html,
        "<button>Show</button><button formaction=\"{}\" name=\"format\" value=\"csv\">CSV</button>\
         </form>",
        links.link("/api/v1/records")
    );
    html
}

/// Formats the first records of a list.
async fn table(mut list: RecordList) -> Result<String, ListError> {
    let mut rows = String::new();
    let (mut shown, mut has_more) = (0, false);
    while let Some(listed) = list.next().await? {
        for row in listed.rows() {
            if shown == MAX_ROWS {
                has_more = true;
                break;
            }
            shown += 1;
            rows.push_str(&cells(row));
        }
        if has_more {
            break;
        }
    }
    let text = match (shown, has_more) {
        (0, _) => return Ok("<p>No matching records.</p>\n".to_owned()),
        (_, true) => format!("Oldest {shown} shown, more match: download all of them as CSV."),
        (1, false) => "1 record.".to_owned(),
        (_, false) => format!("{shown} records, oldest first."),
    };
    let heads =
        ["Start", "Status", "Project", "Pool", "Desktop", "User", "Type", "Size", "File", "ID"];
    let heads = heads.map(|head| format!("<th scope=\"col\">{head}</th>")).concat();
    Ok(format!(
        "<p>{text}</p>\n<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table>\n"
    ))
}

fn cells(row: Row<'_>) -> String {
    let record = row.record;
    let ended = record
        .end_time
        .map_or_else(String::new, |end| format!("<small>until {}</small>", moment(end)));
    let cells = [
        ("Start", format!("{}{ended}", moment(record.start_time))),
        ("Status", escaped(&row.text(Field::Status).unwrap_or_else(|| "–".into()))),
        ("Project", escaped(row.project)),
        ("Pool", text_or_dash(record.desktop_pool_id.as_deref())),
        ("Desktop", named(record.desktop_name.as_deref(), record.desktop_id.as_deref())),
        ("User", text_or_dash(record.username.as_deref())),
        ("Type", escaped(&row.text(Field::Type).unwrap_or_else(|| "–".into()))),
        ("Size", record.size.map_or_else(|| "–".to_owned(), size)),
        (
            "File",
            file(
                record.obs_bucket.as_deref(),
                record.file_directory.as_deref(),
                record.video_filename.as_deref(),
            ),
        ),
        ("ID", format!("<code>{}</code>", escaped(&record.id))),
    ];
    let cells = cells.map(|(name, cell)| {
        let class = if matches!(name, "Status" | "Size") { " class=\"short\"" } else { "" };
        format!("<td data-label=\"{name}\"{class}>{cell}</td>")
    });
    format!("<tr>{}</tr>\n", cells.concat())
}
