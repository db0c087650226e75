//! Selection of desktops, and `/api/v1/desktops`. `docs/desktops.md` documents the parameters, the JSON
//! and the CSV.

mod query;
mod row;
#[cfg(test)]
pub(super) mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

pub(super) use query::Query;
pub(super) use row::Row;

use super::links::Links;
use super::lists::{Format, add_next, csv, csv_answer, json_answer, next_offset};
use crate::field_text::is_selected;
use crate::project::Project;
use crate::snapshot::ProjectView;
use records_api::record::Timestamp;

/// Desktops that match a query.
#[derive(Debug)]
pub(super) struct Matches<'a> {
    /// Matching desktops, the longest silent first, from [`Query::offset`] on, at most [`Query::limit`].
    pub(super) rows: Vec<Row<'a>>,
    /// Number of matching desktops.
    pub(super) total: usize,
    /// True if the requested pool has no desktop and is not in the list of pools.
    pub(super) is_pool_unknown: bool,
}

impl Matches<'_> {
    /// Returns the position of the first matching desktop after those in `rows`.
    pub(super) fn next_offset(&self, query: &Query) -> Option<usize> {
        next_offset(query.offset, self.rows.len(), self.total)
    }
}

/// Returns the snapshots of the projects that `query` selects.
pub(super) fn selected(projects: &[Arc<Project>], query: &Query) -> Vec<ProjectView> {
    let selected =
        projects.iter().filter(|of| query.project.as_deref().is_none_or(|p| p == of.name()));
    selected.map(|project| project.view()).collect()
}

/// Returns the time of a project's desktops, the same as that of its failures.
pub(super) fn as_of(view: &ProjectView) -> Option<Timestamp> {
    view.records.as_ref().map(|records| records.poll.completed).or(view.last_poll)
}

/// Returns true if the gauges of a project are not served.
pub(super) fn is_stale(view: &ProjectView) -> bool {
    view.is_stale || view.records.is_none()
}

/// Returns the names of the pools of a project by id.
pub(super) fn pool_names(view: &ProjectView) -> HashMap<&str, &str> {
    let pools = view.records.iter().flat_map(|records| &records.pools);
    pools.map(|pool| (pool.id.as_str(), pool.name.as_str())).collect()
}

/// Returns the desktops of `projects` that match `query`.
pub(super) fn find<'a>(projects: &'a [ProjectView], query: &Query) -> Matches<'a> {
    let mut rows = Vec::new();
    let mut is_pool_unknown = query.pool.is_some();
    for view in projects {
        let names = pool_names(view);
        if let Some(pool) = query.pool.as_deref() {
            let is_listed =
                |(id, name): (&&str, &&str)| is_selected(pool, id) || is_selected(pool, name);
            is_pool_unknown &= !names.iter().any(is_listed);
        }
        // The desktops are unknown before the first complete poll.
        let Some(as_of) = as_of(view) else { continue };
        for desktop in &*view.desktops {
            let row = Row {
                project: view.project(),
                pool_name: desktop.pool.as_deref().and_then(|pool| names.get(pool).copied()),
                desktop,
                as_of,
                value_limit: view.labels.value_limit,
            };
            if !query.matches_pool(&row) {
                continue;
            }
            is_pool_unknown = false;
            if query.matches_silence(&row) {
                rows.push(row);
            }
        }
    }
    rows.sort_by_key(|row| (row.desktop.last_start, row.project, &*row.desktop.id));
    let total = rows.len();
    let rows = rows.into_iter().skip(query.offset).take(query.limit).collect();
    Matches { rows, total, is_pool_unknown }
}

/// Answers a valid query in JSON or CSV. If more desktops match, a `Link` header has the rest.
pub(super) fn answer(projects: &[Arc<Project>], query: &Query, links: &Links) -> Response {
    let projects = selected(projects, query);
    let found = find(&projects, query);
    let mut response = match query.format {
        Format::Csv => {
            csv_answer("desktops", csv(row::COLUMNS, found.rows.iter().map(|row| row.to_csv())))
        }
        _ => json_answer(&json(&projects, &found, query)),
    };
    if let Some(next) = found.next_offset(query) {
        let query = query.at_offset(next, query.format);
        add_next(&mut response, &format!("{}?{query}", links.link("/api/v1/desktops")));
    }
    response
}

fn json(projects: &[ProjectView], found: &Matches<'_>, query: &Query) -> Value {
    let of_projects = projects.iter().map(|view| {
        json!({
            "name": view.project(),
            "as_of": as_of(view).map(Timestamp::to_rfc3339),
            "stale": is_stale(view),
            "desktops": view.desktops.len(),
        })
    });
    let mut unknown = serde_json::Map::new();
    if let Some(pool) = query.pool.as_ref().filter(|_| found.is_pool_unknown) {
        unknown.insert("pool".to_owned(), pool.clone().into());
    }
    json!({
        "projects": of_projects.collect::<Vec<_>>(),
        "desktops": found.rows.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
        "total": found.total,
        "truncated": found.next_offset(query).is_some(),
        "unknown": unknown,
    })
}
