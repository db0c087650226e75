//! Bodies of error responses of the API, its gateway and IAM.

use std::fmt;

use serde_json::Value;

use super::repair::parse_leniently;

/// Code and message of an error.
///
/// All shapes that the gateway, the service and IAM are known to use are parsed:
/// `error_code`/`error_msg`, `errorCode`/`errorMsg` and `code`/`message`, any of them also inside
/// `error`, with the code as a text or a number. Both fields are `None` for other bodies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorBody {
    /// Error code, such as `APIGW.0308`; at most 64 characters.
    pub code: Option<String>,
    /// Message, on one line and cut to 300 characters.
    pub message: Option<String>,
}

/// A parsed JSON value takes up to a hundred times the size of its text.
const MAX_BODY_BYTES: usize = 256 * 1024;
// The documents allow 12 characters for a code and 1000 for a message.
const MAX_CODE_CHARS: usize = 64;
const MAX_MESSAGE_CHARS: usize = 300;

impl ErrorBody {
    /// Parses the body of an error response. Text that was cut in the middle of a character gets
    /// U+FFFD there.
    pub fn parse(body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.len() > MAX_BODY_BYTES {
            return Self::default();
        }
        let Ok(value) = parse_leniently::<Value>(body) else { return Self::default() };
        let inner = value.get("error").filter(|inner| inner.is_object()).unwrap_or(&value);
        Self {
            code: first_text(inner, &["error_code", "errorCode", "code"], MAX_CODE_CHARS),
            message: first_text(
                inner,
                &["error_msg", "errorMsg", "message", "error", "title"],
                MAX_MESSAGE_CHARS,
            ),
        }
    }

    /// Returns the number of a gateway error, `0308` for `APIGW.0308` and for `APIG.0308`: the
    /// gateway sends the same error with both prefixes. `None` for other errors.
    pub fn gateway_number(&self) -> Option<&str> {
        let code = self.code.as_deref()?;
        let (family, number) = code.rsplit_once('.')?;
        family.to_ascii_uppercase().starts_with("APIG").then_some(number)
    }
}

fn first_text(value: &Value, names: &[&str], max_chars: usize) -> Option<String> {
    names.iter().find_map(|name| match value.get(name)? {
        Value::String(text) if !text.trim().is_empty() => Some(one_line(text, max_chars)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Returns the text on one line of printable characters, cut to `max_chars` of them.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let mut line: String = text
        .trim()
        .chars()
        .take(max_chars)
        .map(|c| if is_printable(c) { c } else { ' ' })
        .collect();
    if text.trim().chars().nth(max_chars).is_some() {
        line.push_str("...");
    }
    line
}

/// False for characters that end a line or change the direction of the text around them.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(formatter, "{code}: {message}"),
            (Some(text), None) | (None, Some(text)) => formatter.write_str(text),
            (None, None) => formatter.write_str("no error code"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_known_shapes_are_parsed() {
        let cases = [
            (r#"{"error_code":"WKS.0001","error_msg":"bad","request_id":"r"}"#, "WKS.0001: bad"),
            (r#"{"errorCode":"X.1","errorMsg":"m"}"#, "X.1: m"),
            (r#"{"code":"Y.1","message":"m"}"#, "Y.1: m"),
            (
                r#"{"error":{"code":401,"message":"wrong password","title":"Unauthorized"}}"#,
                "401: wrong password",
            ),
            (r#"{"error":{"error_code":"IAM.0012","error_msg":"slow"}}"#, "IAM.0012: slow"),
            (r#"{"error":"denied"}"#, "denied"),
            (
                r#"{"error_msg":"access denied: ..","error_code":"PAP5.0001","encoded_authorization_message":"E"}"#,
                "PAP5.0001: access denied: ..",
            ),
            (r#"{"error_code":"APIGW.0308","error_msg":"slow","at":3e456}"#, "APIGW.0308: slow"),
            ("<html>bad gateway</html>", "no error code"),
            ("", "no error code"),
            ("[1,2]", "no error code"),
            ("\u{feff}{\"error_code\":\"A.1\"}", "A.1"),
        ];
        for (body, text) in cases {
            assert_eq!(ErrorBody::parse(body.as_bytes()).to_string(), text, "{body}");
        }
    }

    #[test]
    fn messages_are_cut_and_put_on_one_line() {
        let body = format!(r#"{{"error_msg":"a\nb{}"}}"#, "c".repeat(1000));
        let message = ErrorBody::parse(body.as_bytes()).message.unwrap();
        assert!(message.starts_with("a bccc"));
        assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS + 3);
        let body = br#"{"error_msg":"a\u0085b\u2028c\u202ed\u2066e"}"#;
        assert_eq!(ErrorBody::parse(body).to_string(), "a b c d e");
    }

    #[test]
    fn an_incomplete_character_does_not_hide_the_rest() {
        let message = "policy user over ratelimit,limit:200,time:5 minute";
        for cut in [&b"\xe4\xb8"[..], br"\ud83d"] {
            let begin = format!(r#"{{"error_code":"APIGW.0308","error_msg":"{message}"#);
            let body = [begin.as_bytes(), cut, br#""}"#].concat();
            let error_body = ErrorBody::parse(&body);
            assert_eq!(error_body.gateway_number(), Some("0308"));
            assert_eq!(error_body.message, Some(format!("{message}\u{fffd}")));
        }
    }

    #[test]
    fn gateway_errors_are_recognised_by_their_number() {
        let error_body = |code: &str| ErrorBody { code: Some(code.to_owned()), message: None };
        assert_eq!(error_body("APIGW.0308").gateway_number(), Some("0308"));
        assert_eq!(error_body("APIG.0308").gateway_number(), Some("0308"));
        assert_eq!(error_body("WKS.0308").gateway_number(), None);
        assert_eq!(ErrorBody::default().gateway_number(), None);
    }
}
