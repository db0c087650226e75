//! Parts shared by the lists of failures and desktops: formats, paging, headers.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use url::form_urlencoded;

use super::parameters::ParameterError;
use crate::csv_text;

/// Maximum number of rows in an answer.
pub(super) const MAX_ROWS: usize = 10_000;
/// Number of rows on a page, unless the query says otherwise.
const PAGE_ROWS: usize = 100;

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    /// A page.
    #[default]
    Html,
    Json,
    Csv,
}

impl Format {
    /// Parses the parameter `format`.
    pub(super) fn parse(value: String) -> Result<Self, ParameterError> {
        match value.as_str() {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            _ => Err(ParameterError::Value {
                name: "format",
                value,
                accepted: "accepted are json and csv".to_owned(),
            }),
        }
    }

    /// Returns the number of rows of an answer, unless the query says otherwise.
    pub(super) fn default_rows(self) -> usize {
        if self == Self::Html { PAGE_ROWS } else { MAX_ROWS }
    }
}

/// Returns the position of the first row after those that are shown.
pub(super) fn next_offset(offset: usize, shown: usize, total: usize) -> Option<usize> {
    let next = offset.checked_add(shown)?;
    (next < total).then_some(next)
}

/// Returns the position of the first row before those that are shown.
pub(super) fn previous_offset(offset: usize, limit: usize, total: usize) -> Option<usize> {
    (offset > 0).then(|| offset.min(total).saturating_sub(limit))
}

/// Appends the parameters that say which part of a list is wanted, and in what form.
pub(super) fn append_paging(
    query: &mut form_urlencoded::Serializer<'_, String>,
    limit: Option<usize>,
    offset: usize,
    format: Format,
) {
    if let Some(limit) = limit {
        query.append_pair("limit", &limit.to_string());
    }
    if offset > 0 {
        query.append_pair("offset", &offset.to_string());
    }
    if format == Format::Csv {
        query.append_pair("format", "csv");
    }
}

/// Answers in JSON.
pub(super) fn json_answer(body: &impl serde::Serialize) -> Response {
    with_headers(Json(body).into_response())
}

/// Formats lines as CSV.
pub(super) fn csv<const N: usize>(
    columns: [&str; N],
    lines: impl Iterator<Item = [String; N]>,
) -> Vec<u8> {
    let mut writer = csv_text::writer(Vec::new());
    // Writing into a vector cannot fail, and all lines have the same length.
    let _ = writer.write_record(columns);
    for line in lines {
        let _ = writer.write_record(line);
    }
    writer.into_inner().unwrap_or_default()
}

/// Answers in CSV. A browser saves it under the name.
pub(super) fn csv_answer(name: &str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    with_headers((headers, body).into_response())
}

/// Answers an invalid query.
pub(super) fn refuse(error: &ParameterError) -> Response {
    let body = Json(json!({"error": error.to_string()}));
    with_headers((error.status(), body).into_response())
}

/// Adds the address of the rows after those that are shown.
pub(super) fn add_next(response: &mut Response, address: &str) {
    if let Ok(link) = HeaderValue::from_str(&format!("<{address}>; rel=\"next\"")) {
        response.headers_mut().insert(header::LINK, link);
    }
}

fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
