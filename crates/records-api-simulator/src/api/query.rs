//! Query parameters of the list of records. Invalid ones get a 400.
//!
//! Empty values count as absent (the SDK sends them). Unknown parameters are ignored. If a
//! parameter is repeated, the first value counts.

use crate::{
    dialect::{DefaultOrder, Dialect, OverLimit, SortSupport, StatusFilter},
    time,
    wire::error::ApiError,
    world::record::{Kind, Status},
};

/// Records of the last 15 days are listed if `start_time` is missing.
const DEFAULT_SPAN: i64 = 15 * 24 * 3_600_000;
/// Requests with more desktop names are refused.
const MAX_DESKTOP_NAMES: usize = 100;

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Asc,
    Desc,
    Shuffled,
}

/// The parsed query. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) desktop_id: Option<String>,
    pub(crate) desktop_names: Vec<String>,
    pub(crate) username: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) kind: Option<Kind>,
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) order: Order,
}

/// Parses the query string of a request at `now`.
pub(crate) fn read(query: &str, dialect: &Dialect, now: i64) -> Result<Query, ApiError> {
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value = |name: &str| {
        let pair = pairs.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let time = |name: &str| match value(name) {
        None => Ok(None),
        Some(text) => time::read_parameter(text)
            .map(Some)
            .ok_or_else(|| ApiError::parameter(name, "expected yyyy-MM-dd HH:mm:ss")),
    };
    let names = value("desktop_names").unwrap_or_default();
    let desktop_names: Vec<String> =
        names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if desktop_names.len() > MAX_DESKTOP_NAMES {
        return Err(ApiError::parameter("desktop_names", "at most 100 names"));
    }
    let kind = match value("type") {
        None => None,
        Some(code) => Some(Kind::from_code(code).ok_or_else(|| {
            ApiError::parameter("type", "expected FULL, INTERVAL, OPERATION or SESSION")
        })?),
    };
    Ok(Query {
        limit: limit(value("limit"), dialect)?,
        offset: number("offset", value("offset"))?.unwrap_or(0),
        desktop_id: value("desktop_id").map(str::to_owned),
        desktop_names,
        username: value("username").map(str::to_owned),
        status: status(value("status"), dialect)?,
        kind,
        from: Some(time("start_time")?.unwrap_or(now - DEFAULT_SPAN)),
        to: time("end_time")?,
        order: order(value("sort_field"), value("sort_type"), dialect)?,
    })
}

/// Parses `limit` and `offset` of the list of pools: 0 to 1000, 1000 by default.
pub(crate) fn read_page(query: &str) -> Result<(usize, usize), ApiError> {
    let pairs: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value = |name: &str| {
        let pair = pairs.iter().find(|(other, _)| other == name);
        pair.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let limit = number("limit", value("limit"))?.unwrap_or(1000);
    if limit > 1000 {
        return Err(ApiError::parameter("limit", "expected 0 to 1000"));
    }
    Ok((limit, number("offset", value("offset"))?.unwrap_or(0)))
}

fn number(name: &str, text: Option<&str>) -> Result<Option<usize>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse::<u32>().ok().filter(|number| i32::try_from(*number).is_ok());
    match number {
        Some(number) => Ok(Some(number as usize)),
        None => Err(ApiError::parameter(name, "expected 0 to 2147483647")),
    }
}

fn limit(text: Option<&str>, dialect: &Dialect) -> Result<usize, ApiError> {
    let requested = number("limit", text)?.unwrap_or(dialect.limit_default);
    let max = dialect.limit_max;
    match dialect.limit_over {
        OverLimit::Refuse if requested > max && text.is_some() => {
            Err(ApiError::parameter("limit", &format!("expected 0 to {max}")))
        }
        _ => Ok(requested.min(max)),
    }
}

fn status(text: Option<&str>, dialect: &Dialect) -> Result<Option<Status>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let known = Status::from_code(text);
    let failed = matches!(known, Some(Status::RecFailed | Status::UploadFailed));
    match dialect.status_filter {
        StatusFilter::Ignored => Ok(None),
        StatusFilter::Documented if known.is_some() && !failed => Ok(known),
        StatusFilter::All if known.is_some() => Ok(known),
        _ => Err(ApiError::parameter("status", "not one of the accepted values")),
    }
}

fn order(
    field: Option<&str>,
    direction: Option<&str>,
    dialect: &Dialect,
) -> Result<Order, ApiError> {
    if field.is_some_and(|field| field != "start_time") {
        return Err(ApiError::parameter("sort_field", "expected start_time"));
    }
    let requested = match direction {
        None => None,
        Some("asc") => Some(Order::Asc),
        Some("desc") => Some(Order::Desc),
        Some(_) => return Err(ApiError::parameter("sort_type", "expected asc or desc")),
    };
    let unsorted = match dialect.default_order {
        DefaultOrder::Asc => Order::Asc,
        DefaultOrder::Desc => Order::Desc,
        DefaultOrder::Shuffled => Order::Shuffled,
    };
    // "This parameter is used together with sort_field": neither has an effect alone.
    match (dialect.sort, field, requested) {
        (SortSupport::Honoured, Some(_), Some(requested)) => Ok(requested),
        _ => Ok(unsorted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query, ApiError> {
        read(query, &Dialect::default(), 0)
    }

    #[test]
    fn queries_of_the_sdk_are_parsed() {
        let query = parse(
            "desktop_id=7f1ac068-0000&desktop_names=pc-1%2Cpc%202%2C%E6%A1%8C%E9%9D%A2\
             &end_time=2024-03-13%2012%3A02%3A01&limit=100&offset=0&sort_field=start_time\
             &sort_type=asc&start_time=2024-03-12%2012%3A02%3A01&status=UPLOADING&type=FULL\
             &username=%E7%94%A8%E6%88%B7%E7%94%B2",
        )
        .unwrap();
        assert_eq!(query.desktop_names, ["pc-1", "pc 2", "桌面"]);
        assert_eq!(query.username.as_deref(), Some("用户甲"));
        assert_eq!((query.from, query.to), (Some(1_710_244_921_000), Some(1_710_331_321_000)));
        assert_eq!((query.status, query.kind), (Some(Status::Uploading), Some(Kind::Full)));
        assert_eq!((query.limit, query.order), (100, Order::Asc));
        let empty = parse("limit=0&offset=0&username=&status=").unwrap();
        assert_eq!((empty.limit, empty.username, empty.status), (0, None, None));
    }

    #[test]
    fn bad_values_are_refused_with_a_400() {
        for query in [
            "limit=1001",
            "limit=-1",
            "limit=ten",
            "offset=-1",
            "offset=2147483648",
            "status=UPLOAD_FAILED",
            "status=uploading",
            "type=USER_OPERATION",
            "start_time=2024-03-12T12:02:01Z",
            "end_time=1710244921",
            "sort_field=update_time&sort_type=asc",
            "sort_field=start_time&sort_type=ASC",
        ] {
            let error = parse(query).expect_err(query);
            assert_eq!((error.status, error.code.as_ref()), (400, "WKS.0001"), "{query}");
        }
        let names = vec!["a"; 101].join(",");
        assert!(parse(&format!("desktop_names={names}")).is_err());
    }

    #[test]
    fn a_query_without_a_start_covers_the_last_15_days() {
        let now = 20 * 86_400_000;
        let query = read("", &Dialect::default(), now).unwrap();
        assert_eq!((query.from, query.to), (Some(5 * 86_400_000), None));
        assert_eq!((query.limit, query.order), (100, Order::Desc));
    }

    #[test]
    fn a_limit_is_clamped_if_the_dialect_says_so() {
        let dialect =
            Dialect { limit_max: 100, limit_over: OverLimit::Clamp, ..Dialect::default() };
        assert_eq!(read("limit=1000", &dialect, 0).unwrap().limit, 100);
        let tiny = Dialect { limit_max: 5, ..dialect.clone() };
        assert_eq!(read("limit=1000", &tiny, 0).unwrap().limit, 5);
        assert_eq!(read("", &tiny, 0).unwrap().limit, 5, "the default limit is clamped too");
        let strict = Dialect { limit_over: OverLimit::Refuse, ..dialect };
        assert_eq!(read("limit=101", &strict, 0).unwrap_err().status, 400);
    }

    #[test]
    fn the_status_filter_follows_its_dialect() {
        let with = |status_filter| Dialect { status_filter, ..Dialect::default() };
        let failed = "status=UPLOAD_FAILED";
        let all = read(failed, &with(StatusFilter::All), 0).unwrap();
        assert_eq!(all.status, Some(Status::UploadFailed));
        assert_eq!(read(failed, &with(StatusFilter::Ignored), 0).unwrap().status, None);
        assert!(read("status=RECORDING", &with(StatusFilter::Refused), 0).is_err());
        assert!(read("status=ARCHIVED", &with(StatusFilter::All), 0).is_err());
    }
}
