//! Content negotiation by `Accept` and `Accept-Encoding`.
//!
//! A client that accepts none of the offered formats gets the default, as with Prometheus' own client
//! libraries; otherwise its scrape would fail.

use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::{HeaderMap, HeaderName};
use mediatype::{MediaType, MediaTypeList, ReadParams};

use crate::exposition::{Coding, Format, Wanted};

/// Maximum number of media ranges read; Prometheus sends five.
const MAX_RANGES: usize = 32;

/// Returns the format and the content coding for a request.
pub(super) fn wanted(headers: &HeaderMap) -> Wanted {
    Wanted { format: format(headers), coding: coding(headers) }
}

/// Returns the format with the greatest weight. The first one wins a tie, as in Prometheus' own client
/// libraries.
fn format(headers: &HeaderMap) -> Format {
    let text = texts(headers, &ACCEPT);
    let ranges = text.iter().flat_map(|text| MediaTypeList::new(text)).flatten();
    let formats = ranges.take(MAX_RANGES).filter_map(|range| {
        let weight = range
            .get_param(mediatype::names::Q)
            .map_or(Some(1.0), |q| weight(&q.unquoted_str()))?;
        Some((weight, format_of(&range)?))
    });
    most_wanted(formats).unwrap_or_default()
}

/// Returns the format that a media range matches, if any.
fn format_of(range: &MediaType<'_>) -> Option<Format> {
    let parameter = |name: &'static str| {
        let name = mediatype::Name::new(name)?;
        range.get_param(name).map(|value| value.unquoted_str().to_ascii_lowercase())
    };
    let essence = format!("{}/{}", range.ty, range.subty).to_ascii_lowercase();
    let version = parameter("version");
    match (essence.as_str(), version.as_deref()) {
        ("application/openmetrics-text", Some("1.0.0")) => Some(Format::OpenMetrics100),
        ("application/openmetrics-text", Some("0.0.1") | None) => Some(Format::OpenMetrics001),
        ("application/vnd.google.protobuf", _) => {
            let is = |name, value: &str| parameter(name).is_some_and(|given| given == value);
            let is_ours =
                is("proto", "io.prometheus.client.metricfamily") && is("encoding", "delimited");
            is_ours.then_some(Format::Protobuf)
        }
        ("text/plain", Some("0.0.4") | None) | ("*/*" | "text/*", _) => Some(Format::Text),
        _ => None,
    }
}

fn coding(headers: &HeaderMap) -> Coding {
    let text = texts(headers, &ACCEPT_ENCODING);
    let ranges = text.iter().flat_map(|text| text.split(','));
    let codings = ranges.take(MAX_RANGES).filter_map(|range| {
        let (name, parameters) = range.split_once(';').unwrap_or((range, "q=1"));
        let (key, value) = parameters.split_once('=')?;
        let weight = weight(value).filter(|_| key.trim().eq_ignore_ascii_case("q"))?;
        let coding = match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "zstd" => Some(Coding::Zstd),
            "identity" => Some(Coding::Identity),
            "*" => None,
            _ => return None,
        };
        Some((weight, coding))
    });
    let ranges: Vec<(f32, Option<Coding>)> = codings.collect();
    let is_named = |coding| ranges.iter().any(|(_, named)| *named == Some(coding));
    let codings = ranges.iter().filter_map(|(weight, coding)| {
        // "*" matches the first coding that is not named.
        let rest = || [Coding::Gzip, Coding::Zstd].into_iter().find(|coding| !is_named(*coding));
        Some((*weight, coding.or_else(rest)?))
    });
    // On a tie, prefer gzip: its body is most likely cached already.
    let mut codings: Vec<_> = codings.collect();
    codings.sort_by_key(|(_, coding)| *coding != Coding::Gzip);
    most_wanted(codings.into_iter()).unwrap_or_default()
}

/// Returns the first offer with the greatest weight. Weight 0 excludes an offer.
fn most_wanted<T>(offers: impl Iterator<Item = (f32, T)>) -> Option<T> {
    let wanted = offers.filter(|(weight, _)| *weight > 0.0);
    let most = wanted.reduce(|most, other| if other.0 > most.0 { other } else { most });
    most.map(|(_, offer)| offer)
}

fn weight(text: &str) -> Option<f32> {
    text.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))
}

/// Returns the values of a header that may occur several times.
fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(name: &HeaderName, values: &[&str]) -> Wanted {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        wanted(&headers)
    }

    const PROTOBUF: &str = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited";
    /// Prometheus 2.42.
    const V2: &str = "application/openmetrics-text;version=1.0.0,\
        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// Prometheus 3.5.
    const V3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,\
        */*;q=0.2";
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,\
        image/webp,*/*;q=0.8";

    #[test]
    fn each_client_gets_the_format_that_it_prefers() {
        use Format::{OpenMetrics001, OpenMetrics100, Protobuf, Text};
        let native = format!("{PROTOBUF},{V2}");
        let native_v3 = format!("{PROTOBUF};q=0.7,{V3}");
        let compact = PROTOBUF.replace("delimited", "compact-text");
        let other = PROTOBUF.replace("MetricFamily", "Other");
        let quoted = PROTOBUF.replace("delimited", "\"delimited\"");
        let cases: [(&[&str], Format); 27] = [
            (&[], Text),
            (&[""], Text),
            (&["*/*"], Text),
            (&[V2], OpenMetrics100),
            (&[V3], OpenMetrics100),
            (&[&native], Protobuf),
            (&[&native_v3], Protobuf),
            // VictoriaMetrics.
            (&["text/plain;version=0.0.4;q=1,*/*;q=0.1"], Text),
            (&[BROWSER], Text),
            (&["text/plain"], Text),
            (&["text/*"], Text),
            (&["application/openmetrics-text"], OpenMetrics001),
            (&["application/openmetrics-text; version=0.0.1"], OpenMetrics001),
            (&["Application/OpenMetrics-Text; Version=\"1.0.0\""], OpenMetrics100),
            (&["application/openmetrics-text;version=2.0.0"], Text),
            (&["application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.2"], Text),
            (
                &["text/plain;q=0.1,application/openmetrics-text;version=1.0.0;q=0.2"],
                OpenMetrics100,
            ),
            (&["text/plain,application/openmetrics-text;version=1.0.0"], Text),
            (&["text/plain", "application/openmetrics-text;version=1.0.0"], Text),
            (&["text/plain;q=0", "application/openmetrics-text;q=0"], Text),
            (&["application/openmetrics-text;version=1.0.0;q=nan, text/plain;q=0.1"], Text),
            (&["application/openmetrics-text;version=1.0.0;q=7, text/plain;q=0.1"], Text),
            (&["application/vnd.google.protobuf"], Text),
            (&[&compact], Text),
            (&[&other], Text),
            (&[&quoted], Protobuf),
            (&["image/png, ;;;, =, application/json"], Text),
        ];
        for (values, format) in cases {
            assert_eq!(of(&ACCEPT, values).format, format, "{values:?}");
        }
    }

    #[test]
    fn each_client_gets_the_coding_that_it_prefers() {
        use Coding::{Gzip, Identity, Zstd};
        let cases: [(&[&str], Coding); 16] = [
            (&[], Identity),
            (&["gzip"], Gzip),
            (&["GZip"], Gzip),
            (&["gzip, deflate, br, zstd"], Gzip),
            (&["zstd, gzip"], Gzip),
            (&["zstd", "br"], Zstd),
            (&["zstd;q=1.0, gzip;q=0.5"], Zstd),
            (&["identity;q=1, gzip;q=0.5"], Identity),
            (&["gzip;q=0"], Identity),
            (&["gzip; q=0, *"], Zstd),
            (&["gzip;q=0, zstd;q=0, *"], Identity),
            (&["*"], Gzip),
            (&["deflate, br"], Identity),
            (&["gzip;level=9"], Identity),
            (&["gzip;q=nan"], Identity),
            (&[",,;q=,gzip ; Q=0.1"], Gzip),
        ];
        for (values, coding) in cases {
            assert_eq!(of(&ACCEPT_ENCODING, values).coding, coding, "{values:?}");
        }
    }
}
