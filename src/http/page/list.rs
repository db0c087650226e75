//! Parts shared by the pages that list something: selection lists, ages, names.

use std::fmt::Write;

use super::html::{age, escaped, moment, text_or_dash};
use crate::field_text::{field_text, is_selected};
use crate::http::links::Links;
use records_api::record::Timestamp;

/// Age of the data of a project.
pub(super) struct Freshness<'a> {
    pub(super) project: &'a str,
    pub(super) as_of: Option<Timestamp>,
    pub(super) is_stale: bool,
}

/// Formats the ages of the data: a warning for each project whose data are stale or unknown, and one line
/// for all others.
pub(super) fn freshness(projects: &[Freshness<'_>], links: &Links, now: Timestamp) -> String {
    let mut html = String::new();
    let mut fresh = Vec::new();
    for Freshness { project, as_of, is_stale } in projects {
        let name = escaped(project);
        // Writing into a string cannot fail.
        let _ = match as_of {
            None => writeln!(
                html,
                "<p class=\"note\">{name}: unknown until the first poll completes.</p>"
            ),
            Some(then) if *is_stale => writeln!(
                html,
                "<p class=\"note\">{name}: stale, as of {}, {}. Later changes are missing; <a \
                 href=\"{}\">see why</a>.</p>",
                moment(*then),
                age(now, *then),
                links.link("/")
            ),
            Some(then) => {
                fresh.push((name, *then));
                continue;
            }
        };
    }
    let oldest = fresh.iter().map(|(_, then)| *then).min();
    let _ = match (&*fresh, oldest) {
        ([(name, then)], _) => writeln!(
            html,
            "<p class=\"quiet\">{name}: as of {}, {}.</p>",
            moment(*then),
            age(now, *then)
        ),
        (_, Some(oldest)) => writeln!(
            html,
            "<p class=\"quiet\">{} projects: the oldest data are as of {}, {}.</p>",
            fresh.len(),
            moment(oldest),
            age(now, oldest)
        ),
        (_, None) => Ok(()),
    };
    html
}

/// Returns the escaped address of a page with a query.
pub(super) fn with_query(path: &str, query: &str, links: &Links) -> String {
    let mark = if query.is_empty() { "" } else { "?" };
    escaped(&format!("{}{mark}{query}", links.link(path)))
}

/// Formats the links to the rows before and after those on the page, as far as there are any.
pub(super) fn paging(previous: Option<String>, next: Option<String>) -> String {
    let mut items = String::new();
    for (rel, text, address) in [("prev", "Previous", previous), ("next", "Next", next)] {
        if let Some(address) = address {
            // Writing into a string cannot fail.
            let _ = write!(items, "<li><a rel=\"{rel}\" href=\"{address}\">{text}</a></li>");
        }
    }
    match items.as_str() {
        "" => String::new(),
        items => format!("<nav aria-label=\"Pages\"><ul>{items}</ul></nav>\n"),
    }
}

/// Formats a text field that suggests values.
pub(super) fn suggestions<'v>(
    title: &str,
    name: &str,
    values: impl Iterator<Item = &'v str>,
    text: Option<&str>,
) -> String {
    let option = |value| format!("<option value=\"{}\"></option>", escaped(&field_text(value)));
    let options = values.map(option);
    format!(
        "<label>{title} <input name=\"{name}\" value=\"{}\" list=\"{name}s\"></label>\
         <datalist id=\"{name}s\">{}</datalist>",
        escaped(&field_text(text.unwrap_or_default())),
        options.collect::<String>()
    )
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
    let other = chosen.filter(|chosen| values.iter().all(|(value, _)| !is_selected(chosen, value)));
    for (value, text) in values.iter().copied().chain(other.map(|other| (other, other))) {
        let is_chosen = chosen.is_some_and(|chosen| is_selected(chosen, value));
        let selected = if is_chosen { " selected" } else { "" };
        // Writing into a string cannot fail.
        let _ = write!(
            html,
            "<option value=\"{}\"{selected}>{}</option>",
            escaped(&field_text(value)),
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
