//! What can be made to go wrong, and when.
//!
//! A fault has a kind and a moment: a probability, a number of requests to leave alone first, a
//! number of requests to hit, an endpoint. It is written `key=value,key=value`. Of several faults
//! that hit one request, the first one that replaces the answer wins; those that spoil rows add up.

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

/// What goes wrong; `simulate --help` has the syntax.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// An error in place of the answer.
    Status(StatusFault),
    /// An error whose message repeats the request's headers, as the gateway is known to do.
    Echo {
        /// The HTTP status.
        status: u16,
        /// How they are written.
        encoding: EchoEncoding,
    },
    /// 200 with a page of HTML.
    Html,
    /// 200 with `[]`.
    List,
    /// 200 with `{}`.
    EmptyObject,
    /// 200 with nothing.
    EmptyBody,
    /// 200 with the first half of the body.
    Truncated,
    /// A page that is far too long.
    Huge {
        /// The HTTP status.
        status: u16,
        /// How long it is, before it is compressed.
        bytes: u64,
        /// What it is full of.
        content: HugeContent,
        /// Whether it is compressed, though nobody asked for it.
        gzip: bool,
    },
    /// Arrays in arrays.
    Deep {
        /// The HTTP status.
        status: u16,
        /// How many.
        levels: usize,
        /// Where.
        position: NestingPosition,
    },
    /// Another place is named.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The place.
        location: HeaderValue,
    },
    /// The right body in another encoding.
    Encoding(Encoding),
    /// No answer, ever.
    Hang,
    /// The connection breaks in the middle of the body.
    Reset,
    /// The body arrives in small pieces, ten a second.
    Drip,
    /// The answer is that of the world at the moment when the faults were set, as from a replica
    /// that lags behind.
    Stale,
    /// The list has rows that were not asked for.
    Unrequested(UnrequestedRows),
    /// A share of the rows is wrong: always the same records.
    Rows(RowFault),
}

/// An error in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFault {
    /// The HTTP status; 200 for an error that does not look like one.
    pub status: u16,
    /// The shape of the body.
    pub shape: ErrorShape,
    /// The error code, where it is not the usual one.
    pub code: Option<String>,
    /// The message, where it is not the usual one.
    pub message: Option<String>,
    /// The window that the text of a 429 names.
    pub window: Option<ThrottleWindow>,
    /// The `Retry-After` header.
    pub retry_after: Option<RetryAfter>,
    /// The encoding of the body, which then has a text beyond ASCII.
    pub encoding: Option<Encoding>,
}

/// The window that the text of a 429 names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThrottleWindow {
    /// None.
    Omitted,
    /// As in `limit:200,time:5 minute`.
    Named(String),
}

/// Where arrays in arrays are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NestingPosition {
    /// They are the body.
    Top,
    /// In a field of the page that nobody knows.
    Page,
    /// In a field of the first row that nobody knows.
    Row,
}

impl NestingPosition {
    /// Every place with its name.
    pub(super) const NAMES: [(&'static str, Self); 3] =
        [("top", Self::Top), ("page", Self::Page), ("row", Self::Row)];
}

/// A fault and when it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// With what probability.
    pub rate: f64,
    /// How many requests are left alone first.
    pub after: u64,
    /// How many requests it hits at most.
    pub times: Option<u64>,
    /// Where; everywhere by default.
    pub endpoint: Option<Endpoint>,
    text: String,
}

impl Fault {
    /// Whether it is one of rows and hits the record of this id.
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
    /// What stands in place of the answer.
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
            // Made up: a text of ASCII alone would be the same in most encodings.
            error.message.push_str(" (Réessayez plus tard.)");
        }
        error
    }
}
