//! A page of desktop pools: `GET /v2/{project_id}/desktop-pools`.

use serde::Deserialize;
use serde_json::Value;

use super::one_line;
use super::repair::parse_leniently;

/// A desktop pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DesktopPool {
    /// ID, the `desktop_pool_id` of records.
    pub id: String,
    /// Name, at most 256 characters; empty if the API returned none.
    pub name: String,
    /// Number of its desktops, `desktop_count` in the API; `None` without a usable number.
    pub desktop_count: Option<u64>,
}

/// Names are part of each scrape.
const MAX_NAME_CHARS: usize = 256;
/// The parser's errors may quote a text of any length in full.
const MAX_ERROR_CHARS: usize = 200;

/// Enough for 1000 pools of 2 kB each. A parsed JSON value takes many times the size of its text.
const MAX_BODY_BYTES: usize = 2 << 20;

#[derive(Deserialize)]
struct PoolsPage {
    desktop_pools: Option<Vec<Value>>,
}

/// Parses one page of pools. Skips entries without an id: a missing name changes no other metric.
///
/// # Errors
///
/// A message about the body.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<DesktopPool>, String> {
    if body.len() > MAX_BODY_BYTES {
        return Err(format!("the body is larger than {MAX_BODY_BYTES} bytes"));
    }
    let page: PoolsPage = parse_leniently(body).map_err(|error| {
        format!(
            "the body is not a list of pools: {}",
            one_line(&error.to_string(), MAX_ERROR_CHARS)
        )
    })?;
    let entries = page.desktop_pools.ok_or("the body has no list `desktop_pools`")?;
    let text = |entry: &Value, name| match entry.get(name)? {
        Value::String(text) => Some(text.chars().take(MAX_NAME_CHARS).collect::<String>()),
        // As in records: the parser has rounded other numbers.
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    };
    let count = |entry: &Value| match entry.get("desktop_count")? {
        Value::String(digits) => digits.trim().parse().ok(),
        number => number.as_u64(),
    };
    Ok(entries
        .iter()
        .filter_map(|entry| {
            let id = text(entry, "id").filter(|id| !id.is_empty())?;
            let name = text(entry, "name").unwrap_or_default();
            Some(DesktopPool { id, name, desktop_count: count(entry) })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_parsed_and_odd_entries_skipped() {
        let body = br#"{"desktop_pools":[{"id":"p1","name":"Sales","desktop_count":17},{"id":"p2"},{"name":"x"},7],
            "total_count":4}"#;
        let pool = |id: &str, name: &str| DesktopPool {
            id: id.to_owned(),
            name: name.to_owned(),
            desktop_count: None,
        };
        let sales = DesktopPool { desktop_count: Some(17), ..pool("p1", "Sales") };
        assert_eq!(decode(body), Ok(vec![sales, pool("p2", "")]));
        for (odd, count) in
            [("\" 8 \"", Some(8)), ("-1", None), ("2.5", None), ("null", None), ("[1]", None)]
        {
            let body = format!(r#"{{"desktop_pools":[{{"id":"p","desktop_count":{odd}}}]}}"#);
            assert_eq!(decode(body.as_bytes()).unwrap()[0].desktop_count, count, "{odd}");
        }
        let body = br#"{"total_count":2e456,"desktop_pools":[{"id":"p3","name":7,"size":-3E+789},
            {"id":17,"name":"Lab"},{"id":8e888},{"id":-5},{"id":1.5},6e999]}"#;
        let pools = vec![pool("p3", "7"), pool("17", "Lab"), pool("-5", "")];
        assert_eq!(decode(body), Ok(pools));
        assert!(decode(b"{}").is_err());
        let long = format!("{{\"desktop_pools\":\"{}\"}}", "x".repeat(1 << 20));
        assert!(decode(long.as_bytes()).unwrap_err().len() < 300);
        assert!(decode(b"<html>").is_err());
    }
}
