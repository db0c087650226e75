//! Error answers in the shapes that the service and its gateway use.
//!
//! A code that no document gives is marked as invented.

use std::borrow::Cow;

const THROTTLED_MESSAGE: &str = "The throttling threshold has been reached";

/// The shape of an error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorShape {
    /// `{"error_code", "error_msg", "request_id"}`
    #[default]
    Plain,
    /// `plain` with `encoded_authorization_message`
    Encoded,
    /// `plain` with `error_detail`
    Detail,
    /// `plain` with `details`, a list of objects whose fields are invented
    Details,
    /// `{"errorCode", "errorMsg"}`
    Camel,
    /// `{"code", "message"}`
    Code,
    /// `{"error": {"code": 401, "message", "title"}}`
    Nested,
    /// `{"error": {"error_code", "error_msg"}}`
    NestedCode,
    /// `<html>`
    Html,
    /// The message as plain text
    Text,
    /// An empty body
    Empty,
}

impl ErrorShape {
    /// Every shape with its name.
    pub(crate) const NAMES: [(&'static str, Self); 11] = [
        ("plain", Self::Plain),
        ("encoded", Self::Encoded),
        ("detail", Self::Detail),
        ("details", Self::Details),
        ("camel", Self::Camel),
        ("code", Self::Code),
        ("nested", Self::Nested),
        ("nested-code", Self::NestedCode),
        ("html", Self::Html),
        ("text", Self::Text),
        ("empty", Self::Empty),
    ];
}

/// The value of a `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A date this many seconds from now; may be negative.
    Date(i64),
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) shape: ErrorShape,
    pub(crate) retry_after: Option<RetryAfter>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let (code, message) = (Cow::Borrowed(code), message.into());
        Self { status, code, message, shape: ErrorShape::Plain, retry_after: None }
    }

    /// 400 for an invalid parameter.
    pub(crate) fn parameter(name: &str, reason: &str) -> Self {
        Self::new(400, "WKS.0001", format!("Invalid parameter {name}: {reason}"))
    }

    pub(crate) fn invalid_token() -> Self {
        Self::unauthenticated("verify token failed")
    }

    /// 401 of the gateway with a reason.
    pub(crate) fn unauthenticated(reason: &str) -> Self {
        let message = format!("Incorrect IAM authentication information: {reason}");
        Self::new(401, "APIGW.0301", message)
    }

    /// 403 for credentials of a project other than the one in the path. Invented: the documents do
    /// not say.
    pub(crate) fn project_mismatch() -> Self {
        Self::new(403, "WKS.0403", "The project of the credentials is not that of the URL.")
    }

    /// 429 whose text names the window.
    pub(crate) fn throttled(limit: u32, window: &str) -> Self {
        let message =
            format!("{THROTTLED_MESSAGE}: policy user over ratelimit,limit:{limit},time:{window}");
        Self::new(429, "APIGW.0308", message)
    }

    /// 429 that does not say when to retry.
    pub(crate) fn throttled_without_window() -> Self {
        Self::new(429, "APIGW.0308", THROTTLED_MESSAGE)
    }

    /// The documented error for a status.
    pub(crate) fn for_status(status: u16) -> Self {
        match status {
            200 => Self::new(200, "WKS.00010109", "Busy."),
            400 => Self::new(400, "WKS.0001", "Empty request message."),
            401 => Self::invalid_token(),
            403 => Self::new(403, "APIGW.0302", "The IAM user is not authorized to access the API"),
            404 => Self::new(404, "WKS.0202", "The resource does not exist."),
            // Invented: no code is documented for 405.
            405 => Self::new(405, "WKS.0405", "The method is not allowed."),
            429 => Self::throttled(200, "1 second"),
            502 => Self::new(502, "APIGW.0610", "Backend unavailable."),
            503 => Self::new(503, "APIGW.0613", "IAM is unavailable."),
            504 => Self::new(504, "APIGW.0201", "Backend timeout."),
            500 => Self::new(500, "APIGW.0601", "Internal server error."),
            other => Self::new(other, "WKS.9999", "An error that no document describes."),
        }
    }

    /// Returns the body and its content type.
    pub(crate) fn body(&self, request_id: &str) -> (String, &'static str) {
        let (code, message) = (self.code.as_ref(), self.message.as_str());
        let mut json = match self.shape {
            ErrorShape::Plain | ErrorShape::Encoded | ErrorShape::Detail | ErrorShape::Details => {
                serde_json::json!(
                {"error_msg": message, "error_code": code, "request_id": request_id})
            }
            ErrorShape::Camel => serde_json::json!({"errorCode": code, "errorMsg": message}),
            ErrorShape::Code => serde_json::json!({"code": code, "message": message}),
            ErrorShape::Nested => serde_json::json!({"error":
                {"code": self.status, "message": message, "title": "Error"}}),
            ErrorShape::NestedCode => {
                serde_json::json!({"error": {"error_code": code, "error_msg": message}})
            }
            ErrorShape::Html => {
                let page = format!("<html><body><h1>{}</h1></body></html>", self.status);
                return (page, "text/html");
            }
            ErrorShape::Text => return (message.to_owned(), "text/plain"),
            ErrorShape::Empty => return (String::new(), "application/json"),
        };
        match self.shape {
            // Invented: the documents do not say what it decodes to.
            ErrorShape::Encoded => json["encoded_authorization_message"] = "ZW5jb2RlZA==".into(),
            ErrorShape::Detail => json["error_detail"] = message.into(),
            ErrorShape::Details => {
                json["details"] = serde_json::json!([{"error_code": code, "error_msg": message}]);
            }
            _ => {}
        }
        (json.to_string(), "application/json")
    }
}
