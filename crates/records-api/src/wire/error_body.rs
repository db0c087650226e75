//! Errors as the API, its gateway and IAM write them.

use std::fmt;

use serde_json::Value;

use super::utf8_repair::repaired;

/// What an error body says. Every shape that the gateway, the service and IAM are known to use:
/// `error_code`/`error_msg`, `errorCode`/`errorMsg`, `code`/`message`, any of them inside `error`,
/// with codes as text or number; and bodies that are none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorBody {
    /// The error code, such as `APIGW.0308`.
    pub code: Option<String>,
    /// The text that came with it, shortened, on one line.
    pub message: Option<String>,
}

/// The documents allow 12 characters in a code and 1000 in a message.
/// As JSON in memory a body takes up to a hundred times its size.
const MAX_BODY_BYTES: usize = 256 * 1024;
const MAX_CODE_CHARS: usize = 64;
const MAX_MESSAGE_CHARS: usize = 300;

impl ErrorBody {
    /// Reads the body of an error answer, whatever it is. Text that was cut within a character
    /// shows U+FFFD there.
    pub fn read(body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if body.len() > MAX_BODY_BYTES {
            return Self::default();
        }
        let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        let Some(value) = json(body).or_else(|| json(&repaired(body)?)) else {
            return Self::default();
        };
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

    /// The digits after the last dot of the code. The same gateway error comes as `APIGW.0308`
    /// and as `APIG.0308`.
    pub fn gateway_number(&self) -> Option<&str> {
        let code = self.code.as_deref()?;
        let (family, number) = code.rsplit_once('.')?;
        family.to_ascii_uppercase().starts_with("APIG").then_some(number)
    }
}

fn first_text(value: &Value, names: &[&str], longest: usize) -> Option<String> {
    names.iter().find_map(|name| match value.get(name)? {
        Value::String(text) if !text.trim().is_empty() => Some(one_line(text, longest)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The text on one line of printable characters, cut to `longest` of them.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let mut line: String =
        text.trim().chars().take(longest).map(|c| if is_printable(c) { c } else { ' ' }).collect();
    if text.trim().chars().nth(longest).is_some() {
        line.push_str("...");
    }
    line
}

/// Whether it neither ends a line nor turns the text around it.
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
    fn every_known_shape_is_read() {
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
            ("<html>bad gateway</html>", "no error code"),
            ("", "no error code"),
            ("[1,2]", "no error code"),
            ("\u{feff}{\"error_code\":\"A.1\"}", "A.1"),
        ];
        for (body, text) in cases {
            assert_eq!(ErrorBody::read(body.as_bytes()).to_string(), text, "{body}");
        }
    }

    #[test]
    fn long_and_many_lined_messages_are_tamed() {
        let body = format!(r#"{{"error_msg":"a\nb{}"}}"#, "c".repeat(1000));
        let message = ErrorBody::read(body.as_bytes()).message.unwrap();
        assert!(message.starts_with("a bccc"));
        assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS + 3);
        let body = br#"{"error_msg":"a\u0085b\u2028c\u202ed\u2066e"}"#;
        assert_eq!(ErrorBody::read(body).to_string(), "a b c d e");
    }

    #[test]
    fn half_a_character_hides_nothing_else() {
        let message = "policy user over ratelimit,limit:200,time:5 minute";
        for cut in [&b"\xe4\xb8"[..], br"\ud83d"] {
            let begin = format!(r#"{{"error_code":"APIGW.0308","error_msg":"{message}"#);
            let body = [begin.as_bytes(), cut, br#""}"#].concat();
            let error_body = ErrorBody::read(&body);
            assert_eq!(error_body.gateway_number(), Some("0308"));
            assert_eq!(error_body.message, Some(format!("{message}\u{fffd}")));
        }
    }

    #[test]
    fn gateway_codes_are_known_by_their_number() {
        let error_body = |code: &str| ErrorBody { code: Some(code.to_owned()), message: None };
        assert_eq!(error_body("APIGW.0308").gateway_number(), Some("0308"));
        assert_eq!(error_body("APIG.0308").gateway_number(), Some("0308"));
        assert_eq!(error_body("WKS.0308").gateway_number(), None);
        assert_eq!(ErrorBody::default().gateway_number(), None);
    }
}
