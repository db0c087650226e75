//! The page that answers an invalid query.

use axum::response::Response;

use super::html::{escaped, page};
use super::navigation::header;
use crate::http::links::Links;
use crate::http::parameters::ParameterError;

/// Builds the page for a query of the page at `path`.
pub(in crate::http) fn error(
    path: &str,
    error: &ParameterError,
    links: &Links,
    has_records: bool,
) -> Response {
    let body = format!(
        "{}<main>\n<p class=\"note\">{}</p>\n<p><a href=\"{}\">The page without a query</a></p>\n</main>\n",
        header("Invalid query", path, &[], links, has_records),
        escaped(&error.to_string()),
        links.link(path),
    );
    let mut response = page("Invalid query", &body);
    *response.status_mut() = error.status();
    response
}
