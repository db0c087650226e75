//! Parts shared by all pages: frame, style, headers, escaping and formatting.

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use records_api::record::Timestamp;

/// Colours have enough contrast in both schemes and never carry information alone. On a narrow screen,
/// each row of a table becomes a card.
const STYLE: &str = include_str!("style.css");

/// Content security policy: a page may use the style above and submit forms to the exporter.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("base64 is visible text")
});

/// Builds a page.
pub(super) fn page(title: &str, body: &str) -> Response {
    // The empty icon saves the browser a request.
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    );
    (headers(), Html(html)).into_response()
}

fn headers() -> [(header::HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}

/// Escapes text for elements and quoted attributes. Invisible characters and those that change the
/// direction of text become U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => html.push('\u{fffd}'),
            c if c.is_control() && c != '\n' => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
    html
}

/// Escapes a text and shows what is between backticks as code, as messages mark keys and commands.
pub(super) fn with_code(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, code, after)) = between_backticks(rest) {
        html.push_str(&escaped(before));
        html.push_str("<code>");
        html.push_str(&escaped(code));
        html.push_str("</code>");
        rest = after;
    }
    html.push_str(&escaped(rest));
    html
}

fn between_backticks(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

/// Formats a time in UTC, without fractions of a second.
pub(super) fn moment(moment: Timestamp) -> String {
    let text = moment.to_rfc3339();
    format!("<time datetime=\"{text}\">{} UTC</time>", moment.to_query())
}

/// Formats the time since `then`.
pub(super) fn age(now: Timestamp, then: Timestamp) -> String {
    format!("{} ago", humantime::format_duration(since(now, then)))
}

/// Returns the time since `then`, in whole seconds.
pub(super) fn since(now: Timestamp, then: Timestamp) -> Duration {
    let millis = now.millis().saturating_sub(then.millis()).max(0);
    Duration::from_secs(millis.unsigned_abs() / 1000)
}

/// Formats a duration with its two largest units, without seconds from a minute on.
pub(super) fn short_duration(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{}s", duration.as_secs()),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Formats a size with a binary unit.
pub(super) fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            let digits = usize::from(unit != "B" && size < 10.0);
            return format!("{size:.digits$} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// Formats a text, or a dash if there is none.
pub(super) fn text_or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "–".to_owned(), escaped)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn markup_and_invisible_characters_are_escaped() {
        let text = "<b a='1' c=\"2\">&\u{0}\u{1b}\u{202e}\u{2066}用\n";
        let html =
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;\u{fffd}\u{fffd}\u{fffd}\u{fffd}用\n";
        assert_eq!(escaped(text), html);
    }

    #[test]
    fn text_between_backticks_is_code() {
        for (text, html) in [
            ("check `a.b` and `<c>`", "check <code>a.b</code> and <code>&lt;c&gt;</code>"),
            ("an odd ` stays, & is escaped", "an odd ` stays, &amp; is escaped"),
            ("`a` then `", "<code>a</code> then `"),
            ("", ""),
        ] {
            assert_eq!(with_code(text), html);
        }
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1024, 10_240, 5 << 20, 3 << 30, u64::MAX];
        let texts = sizes.map(size);
        let expected = ["0 B", "1023 B", "1.0 KiB", "10 KiB", "5.0 MiB", "3.0 GiB"];
        assert_eq!(texts[..6], expected);
        assert_eq!(texts[6], "16777216.0 TiB");
    }

    /// Parses the colours of a scheme: name, and red, green and blue from 0 to 1.
    fn colours(scheme: &str) -> BTreeMap<&str, [f64; 3]> {
        let part = |digits: &str| f64::from(u8::from_str_radix(digits, 16).unwrap()) / 255.0;
        let pairs =
            scheme.split(';').filter_map(|pair| pair.trim_start_matches("--").split_once(":#"));
        let colour = |digits: &str| match digits.len() {
            3 => [0, 1, 2].map(|at| part(&digits[at..=at].repeat(2))),
            _ => [0, 2, 4].map(|at| part(&digits[at..at + 2])),
        };
        pairs.map(|(name, digits)| (name, colour(digits))).collect()
    }

    /// Returns the contrast ratio of two colours as defined by WCAG 2.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let linear = |part: f64| match part {
            dark if dark <= 0.040_45 => dark / 12.92,
            part => ((part + 0.055) / 1.055).powf(2.4),
        };
        let bright = |[red, green, blue]: [f64; 3]| {
            0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) + 0.05
        };
        let (one, other) = (bright(one), bright(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn colours_have_enough_contrast_in_light_and_dark() {
        let schemes: Vec<_> = STYLE.split(":root{").skip(1).collect();
        assert_eq!(schemes.len(), 2);
        for scheme in schemes {
            let colours = colours(scheme.split('}').next().unwrap());
            assert_eq!(colours.len(), 11, "{colours:?}");
            for (text, behind) in [
                ("text", "page"),
                ("text", "bad-soft"),
                ("quiet", "page"),
                ("quiet", "soft"),
                ("link", "page"),
                ("link", "bad-soft"),
                ("bad", "page"),
                ("good", "page"),
                ("warn", "page"),
                ("text", "warn-soft"),
                ("link", "warn-soft"),
            ] {
                let contrast = contrast(colours[text], colours[behind]);
                assert!(contrast >= 4.5, "{text} on {behind}: {contrast:.1}");
            }
        }
    }

    #[test]
    fn the_style_contains_no_markup_or_external_resource() {
        assert!(!STYLE.contains('<') && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
