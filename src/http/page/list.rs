//! Parts shared by the pages that list something: selection lists, ages, names.

use std::fmt::Write;

use super::html::{age, escaped, moment, text_or_dash};
use crate::http::links::Links;
use records_api::record::Timestamp;

/// Formats the age of a project's data, as a warning if they are stale or unknown.
pub(super) fn freshness(
    project: &str,
    as_of: Option<Timestamp>,
    is_stale: bool,
    links: &Links,
    now: Timestamp,
) -> String {
    let name = escaped(project);
    match as_of {
        None => {
            format!("<p class=\"note\">{name}: unknown until the first poll completes.</p>\n")
        }
        Some(then) if is_stale => format!(
            "<p class=\"note\">{name}: stale, as of {}, {}. Later changes are missing; <a \
             href=\"{}\">see why</a>.</p>\n",
            moment(then),
            age(now, then),
            links.link("/")
        ),
        Some(then) => {
            format!("<p class=\"quiet\">{name}: as of {}, {}.</p>\n", moment(then), age(now, then))
        }
    }
}

/// Returns choices that are shown as they are sent.
pub(super) fn plain<'v>(values: &[&'v str]) -> Vec<(&'v str, &'v str)> {
    values.iter().map(|value| (*value, *value)).collect()
}

/// Formats a selection list of values with their texts. It includes the requested value even if it is not
/// among them.
pub(super) fn choice(
    title: &str,
    name: &str,
    values: &[(&str, &str)],
    chosen: Option<&str>,
) -> String {
    let mut html =
        format!("<label>{title} <select name=\"{name}\"><option value=\"\">all</option>");
    let other = chosen.filter(|chosen| values.iter().all(|(value, _)| value != chosen));
    for (value, text) in values.iter().copied().chain(other.map(|other| (other, other))) {
        let selected = if chosen == Some(value) { " selected" } else { "" };
        // Writing into a string cannot fail.
        let _ = write!(
            html,
            "<option value=\"{}\"{selected}>{}</option>",
            escaped(value),
            escaped(text)
        );
    }
    html.push_str("</select></label>");
    html
}

/// Formats a name with the id below it, as far as they are known.
pub(super) fn named(name: Option<&str>, id: Option<&str>) -> String {
    match (name, id) {
        (Some(name), Some(id)) => format!("{}<small>{}</small>", escaped(name), escaped(id)),
        (one, other) => text_or_dash(one.or(other)),
    }
}

/// Formats a file name with its bucket and folder below it.
pub(super) fn file(bucket: Option<&str>, folder: Option<&str>, name: Option<&str>) -> String {
    let place: Vec<_> = [bucket, folder].into_iter().flatten().collect();
    let place = (!place.is_empty()).then(|| place.join("/"));
    named(name, place.as_deref())
}
