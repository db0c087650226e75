//! Turns what the service would answer into what arrives: headers, and every kind of damage.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, StatusCode, header};

use super::{faults::FaultKind, refusal::Refusal};

/// A dripping body is sent in this many pieces, ten a second.
const DRIPS: usize = 200;
const DRIP_EVERY: Duration = Duration::from_millis(100);

const BREAK_AFTER: Duration = Duration::from_millis(5);

/// An answer before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
    pub(super) retry_after: Option<u64>,
    pub(super) location: Option<&'static str>,
    pub(super) transport: Transport,
}

/// How the body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Whole.
    Whole,
    /// Never.
    Hang,
    /// It breaks off half way.
    Reset,
    /// Slowly.
    Drip,
}

impl Answer {
    pub(super) fn json(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            body,
            content_type: "application/json",
            retry_after: None,
            location: None,
            transport: Transport::Whole,
        }
    }

    pub(super) fn refused(refusal: &Refusal, request_id: &str) -> Self {
        let (body, content_type) = refusal.body(request_id);
        Self {
            status: refusal.status,
            content_type,
            retry_after: refusal.retry_after,
            ..Self::json(body.into_bytes())
        }
    }

    /// Does the damage of a fault that leaves an answer to damage.
    pub(super) fn damaged(mut self, fault: &FaultKind) -> Self {
        match fault {
            FaultKind::Html => {
                self.content_type = "text/html";
                self.body = b"<html><body><h1>Welcome</h1>Please sign in.</body></html>".to_vec();
            }
            FaultKind::EmptyObject => self.body = b"{}".to_vec(),
            FaultKind::EmptyBody => self.body.clear(),
            FaultKind::Truncated => self.body.truncate(self.body.len() / 2),
            FaultKind::Redirect => {
                self.status = 302;
                self.location = Some("http://127.0.0.1:1/elsewhere");
                self.body.clear();
            }
            FaultKind::Hang => self.transport = Transport::Hang,
            FaultKind::Reset => self.transport = Transport::Reset,
            FaultKind::Drip => self.transport = Transport::Drip,
            FaultKind::Status { .. }
            | FaultKind::Echo
            | FaultKind::ErrorBody
            | FaultKind::Stale
            | FaultKind::Rows(_) => {}
        }
        self
    }

    /// What is counted for it.
    pub(super) fn outcome(&self) -> String {
        match self.transport {
            Transport::Hang => "hang".to_owned(),
            Transport::Reset => "reset".to_owned(),
            Transport::Whole | Transport::Drip => self.status.to_string(),
        }
    }

    pub(super) fn into_response(self, request_id: &str, date: &str) -> Response {
        let length = self.body.len();
        let body = match self.transport {
            Transport::Whole | Transport::Hang => Body::from(self.body),
            Transport::Reset => breaking(self.body),
            Transport::Drip => dripping(self.body),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Ok(date) = HeaderValue::from_str(date) {
            headers.insert(header::DATE, date);
        }
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-request-id", id);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(location) = self.location {
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
        }
        response
    }
}

/// Half of the body, then an error: the server cannot keep its Content-Length and closes.
fn breaking(mut body: Vec<u8>) -> Body {
    body.truncate(body.len() / 2);
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "simulated reset");
    let break_off = async {
        // Time for the first half to be sent, or the whole answer would be lost.
        tokio::time::sleep(BREAK_AFTER).await;
        Err(broken)
    };
    let half = stream::once(std::future::ready(Ok(Bytes::from(body))));
    Body::from_stream(half.chain(stream::once(break_off)))
}

fn dripping(body: Vec<u8>) -> Body {
    let piece = body.len().div_ceil(DRIPS).max(1);
    let drops = stream::unfold(Bytes::from(body), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(DRIP_EVERY).await;
        let drop = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, Infallible>(drop), rest))
    });
    Body::from_stream(drops)
}
