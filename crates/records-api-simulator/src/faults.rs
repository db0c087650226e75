//! Faults: what goes wrong with an answer, and with which requests.
//!
//! A fault has a kind, and keys that select requests: a probability, a number of requests to skip,
//! a maximum number of requests, an endpoint. It is written `key=value,key=value`. If several
//! faults hit one request, the first one that replaces the answer wins; faults of rows are
//! combined.

mod apply;
pub(crate) mod echo;
pub(crate) mod help;
pub(crate) mod rows;
pub(crate) mod schedule;
pub(crate) mod syntax;
pub(crate) mod unrequested;

use std::fmt;

use http::HeaderValue;

use self::{echo::EchoEncoding, rows::RowFault, unrequested::UnrequestedRows};
use crate::wire::{
    encoding::Encoding,
    error::{ApiError, ErrorShape, RetryAfter},
    huge_body::HugeContent,
    request::Endpoint,
};

/// The kind of a fault. `simulate --help` lists the syntax.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// An error instead of the answer.
    Status(StatusFault),
    /// An error whose message repeats the request's headers, as the real gateway does.
    Echo {
        /// The HTTP status.
        status: u16,
        /// The encoding of the headers.
        encoding: EchoEncoding,
    },
    /// 200 with an HTML page.
    Html,
    /// 200 with `[]`.
    List,
    /// 200 with `{}`.
    EmptyObject,
    /// 200 with an empty body.
    EmptyBody,
    /// 200 with the first half of the body.
    Truncated,
    /// A page that is far too large.
    Huge {
        /// The HTTP status.
        status: u16,
        /// Size before compression.
        bytes: u64,
        /// Content of the page.
        content: HugeContent,
        /// True if it is compressed, even for clients that do not accept gzip.
        gzip: bool,
    },
    /// Nested arrays.
    Deep {
        /// The HTTP status.
        status: u16,
        /// Number of levels.
        levels: usize,
        /// Position of the nested arrays.
        position: NestingPosition,
    },
    /// A redirect.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The `Location` header.
        location: HeaderValue,
    },
    /// The correct body in another encoding.
    Encoding(Encoding),
    /// No answer, ever.
    Hang,
    /// The connection breaks in the middle of the body.
    Reset,
    /// The body arrives in small pieces, ten a second.
    Drip,
    /// The answer shows the world as it was when the faults were set, like a replica that lags
    /// behind.
    Stale,
    /// The list has half of the rows that it would have, and at least one. More follow at the next
    /// offset.
    Short,
    /// The list has rows that the request did not ask for.
    Unrequested(UnrequestedRows),
    /// A share of the rows is changed. It is always the same records.
    Rows(RowFault),
}

/// An error instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFault {
    /// The HTTP status. 200 for an error that looks like a success.
    pub status: u16,
    /// The shape of the body.
    pub shape: ErrorShape,
    /// The error code, if it is not the usual one.
    pub code: Option<String>,
    /// The message, if it is not the usual one.
    pub message: Option<String>,
    /// The window in the text of a 429.
    pub window: Option<ThrottleWindow>,
    /// The `Retry-After` header.
    pub retry_after: Option<RetryAfter>,
    /// The encoding of the body. The message then has characters other than ASCII.
    pub encoding: Option<Encoding>,
}

/// The window in the text of a 429.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThrottleWindow {
    /// The text names no window.
    Omitted,
    /// For example `5 minute`, as in `limit:200,time:5 minute`.
    Named(String),
}

/// The position of nested arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NestingPosition {
    /// They are the whole body.
    Top,
    /// In an unknown field of the page.
    Page,
    /// In an unknown field of the first row.
    Row,
}

impl NestingPosition {
    /// Every position with its name.
    pub(super) const NAMES: [(&'static str, Self); 3] =
        [("top", Self::Top), ("page", Self::Page), ("row", Self::Row)];
}

/// A fault, and the requests that it hits.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// The probability that it hits a request.
    pub rate: f64,
    /// Number of requests to skip first.
    pub after: u64,
    /// Maximum number of requests that it hits.
    pub times: Option<u64>,
    /// The endpoint; every endpoint if `None`.
    pub endpoint: Option<Endpoint>,
    text: String,
}

impl Fault {
    /// Reports whether this is a fault of rows that affects the record with this id.
    pub fn hits(&self, id: u128) -> bool {
        matches!(&self.kind, FaultKind::Rows(rows) if rows.hits(id))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StatusFault {
    /// Returns the error.
    pub(super) fn error(&self) -> ApiError {
        let mut error = match &self.window {
            None => ApiError::for_status(self.status),
            Some(ThrottleWindow::Omitted) => ApiError::throttled_without_window(),
            Some(ThrottleWindow::Named(window)) => ApiError::throttled(200, window),
        };
        error.shape = self.shape;
        error.retry_after = self.retry_after;
        if let Some(code) = &self.code {
            error.code = code.clone().into();
        }
        if let Some(message) = &self.message {
            error.message.clone_from(message);
        }
        if self.encoding.is_some() {
            // Invented: text in ASCII alone would be the same in most encodings.
            error.message.push_str(" (Réessayez plus tard.)");
        }
        error
    }
}
