//! Header shared by all pages: title and navigation.

use std::fmt::Write;

use crate::http::links::Links;

/// Paths and names of the pages, in the order of the navigation.
const PAGES: [(&str, &str); 5] = [
    ("/", "Projects"),
    ("/failures", "Failures"),
    ("/desktops", "Desktops"),
    ("/records", "Records"),
    ("/runbook", "Runbook"),
];

/// Formats the header of the page at `path`. The links in `more`, pairs of a name and an escaped address,
/// follow those to the pages.
pub(super) fn header(
    title: &str,
    path: &str,
    more: &[(&str, String)],
    links: &Links,
    has_records: bool,
) -> String {
    let mut items = String::new();
    for (page, name) in PAGES {
        if page == "/records" && !has_records {
            continue;
        }
        let current = if page == path { " aria-current=\"page\"" } else { "" };
        // Writing into a string cannot fail.
        let _ = write!(items, "<li><a href=\"{}\"{current}>{name}</a></li>", links.link(page));
    }
    for (name, address) in more {
        let _ = write!(items, "<li><a href=\"{address}\">{name}</a></li>");
    }
    format!("<header><h1>{title}</h1>\n<nav aria-label=\"Main\"><ul>{items}</ul></nav></header>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_page_is_marked_and_more_links_follow() {
        let links = Links::new(None, Some("/x"), "/metrics");
        let more = [("As JSON", "/x/json".to_owned())];
        let html = header("Title", "/failures", &more, &links, false);
        assert_eq!(
            html,
            "<header><h1>Title</h1>\n<nav aria-label=\"Main\"><ul><li><a href=\"/x/\">Projects</a></li>\
             <li><a href=\"/x/failures\" aria-current=\"page\">Failures</a></li>\
             <li><a href=\"/x/desktops\">Desktops</a></li>\
             <li><a href=\"/x/runbook\">Runbook</a></li>\
             <li><a href=\"/x/json\">As JSON</a></li></ul></nav></header>\n"
        );
        assert!(header("Title", "/", &[], &links, true).contains("<a href=\"/x/records\">Records"));
    }
}
