//! Applies a fault to an answer before it is sent.

use super::{FaultKind, NestingPosition};
use crate::wire::{
    answer::{Answer, Transport},
    encoding::Encoding,
    huge_body::HugeBody,
};

impl Answer {
    /// Applies a fault. Faults of rows and stale answers are applied when the answer is made.
    pub(crate) fn with_fault(mut self, fault: &FaultKind) -> Self {
        match fault {
            FaultKind::Html => {
                // A proxy that answers with a page has no token to send.
                if self.subject_token.take().is_some() {
                    self.status = 200;
                }
                self.content_type = "text/html";
                self.body = b"<html><body><h1>Welcome</h1>Please sign in.</body></html>".to_vec();
            }
            FaultKind::List => self.body = b"[]".to_vec(),
            FaultKind::EmptyObject => self.body = b"{}".to_vec(),
            FaultKind::EmptyBody => self.body.clear(),
            FaultKind::Truncated => self.body.truncate(self.body.len() / 2),
            FaultKind::Huge { status, bytes, content, gzip } => {
                self.status = *status;
                let body = HugeBody::new(*bytes, *content);
                self.gzip = *gzip;
                self.transport = Transport::Huge(if *gzip { body.gzipped() } else { body });
            }
            FaultKind::Deep { status, levels, position } => {
                self.status = *status;
                self.body = nested(&self.body, *levels, *position);
            }
            FaultKind::Redirect { status, location } => {
                self.status = *status;
                self.location = Some(location.clone());
                self.subject_token = None;
                self.body.clear();
            }
            FaultKind::Encoding(encoding) => self = self.encoded(*encoding),
            FaultKind::Status(fault) => {
                if let Some(encoding) = fault.encoding {
                    self = self.encoded(encoding);
                }
            }
            FaultKind::Echo { encoding, .. } => encoding.escape(&mut self.body),
            FaultKind::Hang => self.transport = Transport::Hang,
            FaultKind::Reset => self.transport = Transport::Reset,
            FaultKind::Drip => self.transport = Transport::Drip,
            FaultKind::Stale
            | FaultKind::Short
            | FaultKind::Unrequested(_)
            | FaultKind::Rows(_) => {}
        }
        self
    }

    fn encoded(mut self, encoding: Encoding) -> Self {
        self.body = encoding.encode(&self.body);
        self.charset = Some(encoding.charset());
        self
    }
}

/// Inserts nested arrays into a JSON body.
fn nested(body: &[u8], levels: usize, position: NestingPosition) -> Vec<u8> {
    let deep = ["[".repeat(levels), "]".repeat(levels)].concat();
    let text = String::from_utf8_lossy(body);
    let member = format!("\"nested\":{deep}");
    let text = match position {
        NestingPosition::Top => deep,
        NestingPosition::Row if text.contains("[{") => {
            text.replacen("[{", &format!("[{{{member},"), 1)
        }
        NestingPosition::Row | NestingPosition::Page => {
            text.replacen('{', &format!("{{{member},"), 1)
        }
    };
    text.into_bytes()
}
