//! The page `/runbook`: what to do about each alert.

use axum::response::Response;

use super::html::page;
use super::navigation::header;
use crate::http::links::Links;

/// The runbook, as the build script renders it.
const RUNBOOK: &str = include_str!(concat!(env!("OUT_DIR"), "/runbook.html"));

/// Builds the page.
pub(in crate::http) fn runbook(links: &Links, has_records: bool) -> Response {
    let header = header("Runbook", "/runbook", &[], links, has_records);
    page("Runbook", &format!("{header}<main class=\"document\">\n{RUNBOOK}</main>\n"))
}
