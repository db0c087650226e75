//! Error answers, in the shapes that the service and its gateway are known to use.
//!
//! Codes marked as made up stand where no document gives one.

/// The shape of an error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// `{"error_code", "error_msg", "request_id"}`
    #[default]
    Plain,
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
    /// Nothing
    Empty,
}

impl Shape {
    /// Every shape with its name.
    pub(super) const NAMES: [(&'static str, Self); 7] = [
        ("plain", Self::Plain),
        ("camel", Self::Camel),
        ("code", Self::Code),
        ("nested", Self::Nested),
        ("nested-code", Self::NestedCode),
        ("html", Self::Html),
        ("empty", Self::Empty),
    ];
}

/// An answer that is not the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) shape: Shape,
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), shape: Shape::Plain, retry_after: None }
    }

    /// 400 for a parameter that cannot be understood.
    pub(super) fn parameter(name: &str, why: &str) -> Self {
        Self::new(400, "WKS.0001", format!("Invalid parameter {name}: {why}"))
    }

    pub(super) fn unauthorized() -> Self {
        let message = "Incorrect IAM authentication information: verify token failed";
        Self::new(401, "APIGW.0301", message)
    }

    pub(super) fn throttled(limit: u32) -> Self {
        let message = format!(
            "The throttling threshold has been reached: policy user over ratelimit,limit:{limit},\
             time:1 second"
        );
        Self::new(429, "APIGW.0308", message)
    }

    /// The documented error of a status.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            400 => Self::new(400, "WKS.0001", "Empty request message."),
            401 => Self::unauthorized(),
            403 => Self::new(403, "APIGW.0302", "The IAM user is not authorized to access the API"),
            404 => Self::new(404, "WKS.0202", "The resource does not exist."),
            // Made up: no code is documented for it.
            405 => Self::new(405, "WKS.0405", "The method is not allowed."),
            429 => Self::throttled(200),
            502 => Self::new(502, "APIGW.0610", "Backend unavailable."),
            503 => Self::new(503, "APIGW.0613", "IAM is unavailable."),
            504 => Self::new(504, "APIGW.0201", "Backend timeout."),
            500 => Self::new(500, "APIGW.0601", "Internal server error."),
            other => Self::new(other, "WKS.9999", "An error that no document describes."),
        }
    }

    /// The body and its content type.
    pub(super) fn body(&self, request_id: &str) -> (String, &'static str) {
        let (code, message) = (self.code, self.message.as_str());
        let json = match self.shape {
            Shape::Plain => serde_json::json!(
                {"error_msg": message, "error_code": code, "request_id": request_id}),
            Shape::Camel => serde_json::json!({"errorCode": code, "errorMsg": message}),
            Shape::Code => serde_json::json!({"code": code, "message": message}),
            Shape::Nested => serde_json::json!({"error":
                {"code": self.status, "message": message, "title": "Error"}}),
            Shape::NestedCode => {
                serde_json::json!({"error": {"error_code": code, "error_msg": message}})
            }
            Shape::Html => {
                let page = format!("<html><body><h1>{}</h1></body></html>", self.status);
                return (page, "text/html");
            }
            Shape::Empty => return (String::new(), "application/json"),
        };
        (json.to_string(), "application/json")
    }
}
