//! Turns an answer into an HTTP response: headers, and a body that arrives whole, slowly or not at
//! all.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{
    error::{ApiError, RetryAfter},
    huge_body::HugeBody,
};
use crate::time;

/// Number of pieces of a dripping body, ten a second.
const DRIP_PIECES: usize = 200;
const DRIP_INTERVAL: Duration = Duration::from_millis(100);

const RESET_DELAY: Duration = Duration::from_millis(5);

/// An answer before it is sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: &'static str,
    pub(crate) charset: Option<&'static str>,
    /// True to set `Content-Encoding: gzip`. The body is not compressed here.
    pub(crate) gzip: bool,
    pub(crate) retry_after: Option<RetryAfter>,
    pub(crate) location: Option<HeaderValue>,
    /// The header with a token of IAM.
    pub(crate) subject_token: Option<HeaderValue>,
    pub(crate) transport: Transport,
}

/// Form in which the body is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Whole.
    Whole,
    /// Never: the request gets no answer.
    Hang,
    /// Half of it, then the connection breaks.
    Reset,
    /// In small pieces.
    Drip,
    /// Not at all: a huge body without a Content-Length is sent instead.
    Huge(HugeBody),
}

impl Answer {
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            body,
            content_type: "application/json",
            charset: None,
            gzip: false,
            retry_after: None,
            location: None,
            subject_token: None,
            transport: Transport::Whole,
        }
    }

    pub(crate) fn error(error: &ApiError, request_id: &str) -> Self {
        let (body, content_type) = error.body(request_id);
        Self {
            status: error.status,
            content_type,
            retry_after: error.retry_after,
            ..Self::json(body.into_bytes())
        }
    }

    /// The outcome in the request log.
    pub(crate) fn outcome(&self) -> String {
        match self.transport {
            Transport::Hang => "hang".to_owned(),
            Transport::Reset => "reset".to_owned(),
            Transport::Whole | Transport::Drip | Transport::Huge(_) => self.status.to_string(),
        }
    }

    /// Builds the response, with `now` as its date.
    pub(crate) fn into_response(self, request_id: &str, now: i64) -> Response {
        let length = (!matches!(self.transport, Transport::Huge(_))).then_some(self.body.len());
        let body = match self.transport {
            Transport::Whole | Transport::Hang => Body::from(self.body),
            Transport::Reset => reset_body(self.body),
            Transport::Drip => drip_body(self.body),
            Transport::Huge(body) => body.into_body(),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let charset =
            self.charset.map(|charset| format!("{}; charset={charset}", self.content_type));
        let retry_after = self.retry_after.map(|retry_after| match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Date(seconds) => time::http_date(now + seconds * 1000),
        });
        for (name, value) in [
            (header::CONTENT_TYPE, Some(charset.unwrap_or_else(|| self.content_type.to_owned()))),
            (header::CONTENT_LENGTH, length.map(|length| length.to_string())),
            (header::CONTENT_ENCODING, self.gzip.then(|| "gzip".to_owned())),
            (header::DATE, Some(time::http_date(now))),
            (HeaderName::from_static("x-request-id"), Some(request_id.to_owned())),
            (header::RETRY_AFTER, retry_after),
        ] {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
        if let Some(location) = self.location {
            headers.insert(header::LOCATION, location);
        }
        if let Some(token) = self.subject_token {
            headers.insert(HeaderName::from_static("x-subject-token"), token);
        }
        response
    }
}

/// Sends half of the body, then an error. The server cannot keep its Content-Length and closes the
/// connection.
fn reset_body(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "simulated reset");
    let break_off = async {
        // Without a pause the first half would not be sent either.
        tokio::time::sleep(RESET_DELAY).await;
        Err(broken)
    };
    let half = stream::once(std::future::ready(Ok(Bytes::from(body))));
    Body::from_stream(half.chain(stream::once(break_off)))
}

fn drip_body(body: Vec<u8>) -> Body {
    let piece = body.len().div_ceil(DRIP_PIECES).max(1);
    let pieces = stream::unfold(Bytes::from(body), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(DRIP_INTERVAL).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, Infallible>(next), rest))
    });
    Body::from_stream(pieces)
}
