//! Receives the body of a response, decompressed and within a limit of its size.

use std::io::{self, ErrorKind, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};

use crate::wire::one_line;

/// Names of codings are short.
const MAX_CODING_CHARS: usize = 60;

/// A body that is being received.
pub(super) struct Body {
    content: Content,
    /// Number of bytes received so far, before decompression.
    received: usize,
    limit: usize,
}

enum Content {
    Plain(BytesMut),
    Gzip(Box<MultiGzDecoder<Decompressed>>),
}

/// The reason why a body is not accepted.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// It cannot be decompressed, for this reason.
    Undecodable(String),
}

/// Bytes that were decompressed, up to a limit.
struct Decompressed {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Body {
    /// Starts a body with the headers of its response. `announced` is its size according to them.
    pub(super) fn new(headers: &HeaderMap, announced: Option<u64>, limit: usize) -> Self {
        let content = if is_gzip(headers) {
            let bytes = Decompressed { bytes: Vec::new(), limit, is_full: false };
            Content::Gzip(Box::new(MultiGzDecoder::new(bytes)))
        } else {
            // Allocates the announced size, because growing the buffer would need twice the memory.
            let announced = announced.and_then(|length| usize::try_from(length).ok());
            Content::Plain(BytesMut::with_capacity(announced.unwrap_or(0).min(limit)))
        };
        Self { content, received: 0, limit }
    }

    /// Returns the number of bytes received so far, before decompression.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// Appends a part.
    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), BodyError> {
        self.received += part.len();
        match &mut self.content {
            Content::Plain(bytes) => {
                let room = self.limit - bytes.len();
                bytes.extend_from_slice(&part[..part.len().min(room)]);
                if part.len() > room { Err(BodyError::TooLarge) } else { Ok(()) }
            }
            Content::Gzip(decoder) => {
                let written = decoder.write_all(part);
                written.map_err(|error| self.undecodable(&error))
            }
        }
    }

    /// Ends the body after its last part.
    pub(super) fn finish(&mut self) -> Result<(), BodyError> {
        match &mut self.content {
            // A response without content may name a coding all the same.
            Content::Gzip(decoder) if self.received > 0 => {
                let finished = decoder.try_finish();
                finished.map_err(|error| self.undecodable(&error))
            }
            _ => Ok(()),
        }
    }

    /// Returns the content received so far.
    pub(super) fn into_bytes(mut self) -> Bytes {
        match &mut self.content {
            Content::Plain(bytes) => std::mem::take(bytes).freeze(),
            Content::Gzip(decoder) => Bytes::from(std::mem::take(&mut decoder.get_mut().bytes)),
        }
    }

    fn undecodable(&self, error: &io::Error) -> BodyError {
        if matches!(&self.content, Content::Gzip(decoder) if decoder.get_ref().is_full) {
            return BodyError::TooLarge;
        }
        let received = self.received;
        BodyError::Undecodable(format!(
            "its gzip content is incomplete or damaged in the first {received} bytes: {error}"
        ))
    }
}

impl Write for Decompressed {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
        self.is_full |= part.len() > room;
        if self.is_full { Err(io::Error::from(ErrorKind::FileTooLarge)) } else { Ok(part.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the codings of a body, in the order in which they were applied, without `identity`.
pub(super) fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let codings =
        texts.flat_map(|text| text.split(',').map(|c| c.trim().to_owned()).collect::<Vec<_>>());
    codings.filter(|coding| !coding.is_empty() && coding != "identity").collect()
}

/// True if the only coding is gzip. `x-gzip` is its old name (RFC 9110, 8.4.1.3).
fn is_gzip(headers: &HeaderMap) -> bool {
    matches!(&codings(headers)[..], [coding] if coding == "gzip" || coding == "x-gzip")
}

/// Returns the description of codings that were not removed from a body; `None` if there are none.
pub(super) fn unsupported_coding(headers: &HeaderMap) -> Option<String> {
    let codings = if is_gzip(headers) { Vec::new() } else { codings(headers) };
    let names = one_line(&codings.join(", "), MAX_CODING_CHARS);
    (!codings.is_empty())
        .then(|| format!("its Content-Encoding is {names:?}, not gzip or identity"))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::CONTENT_ENCODING, value.parse().unwrap())).collect()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Receives a body in parts of seven bytes.
    fn receive(codings: &[&str], body: &[u8], limit: usize) -> Result<Bytes, BodyError> {
        let mut received = Body::new(&headers(codings), None, limit);
        body.chunks(7).try_for_each(|part| received.push(part))?;
        received.finish()?;
        assert_eq!(received.received(), body.len());
        Ok(received.into_bytes())
    }

    #[test]
    fn gzip_is_recognised_by_both_names_in_any_case_and_in_lists() {
        let content = b"{\"screen_records\":[]}".repeat(20);
        for codings in [
            &["gzip"][..],
            &["GZIP"],
            &["x-gzip"],
            &["X-GZip"],
            &[" Gzip , identity"],
            &["identity,gzip"],
            &["identity", "gzip", ""],
        ] {
            let received = receive(codings, &gzip(&content), 10_000).unwrap();
            assert_eq!(received, content, "{codings:?}");
            assert_eq!(unsupported_coding(&headers(codings)), None);
        }
        for codings in [&[][..], &["identity"], &[""], &["Identity, identity"]] {
            assert_eq!(receive(codings, &content, 10_000).unwrap(), content, "{codings:?}");
            assert_eq!(unsupported_coding(&headers(codings)), None);
        }
        let members = [gzip(b"[1,"), gzip(b"2]")].concat();
        assert_eq!(receive(&["gzip"], &members, 100).unwrap(), "[1,2]");
        assert_eq!(receive(&["gzip"], b"", 100).unwrap(), "");
    }

    #[test]
    fn other_codings_are_named() {
        for (codings, name) in [
            (&["br"][..], "\"br\""),
            (&["Deflate"], "\"deflate\""),
            (&["gzip, gzip"], "\"gzip, gzip\""),
            (&["zstd", "gzip"], "\"zstd, gzip\""),
        ] {
            let text = unsupported_coding(&headers(codings)).unwrap();
            assert_eq!(text, format!("its Content-Encoding is {name}, not gzip or identity"));
            assert_eq!(receive(codings, b"abc", 100).unwrap(), "abc", "the body is kept");
        }
    }

    #[test]
    fn the_limit_applies_to_the_content() {
        let content = vec![b'x'; 5000];
        for (codings, body) in [(&[][..], content.clone()), (&["gzip"], gzip(&content))] {
            assert_eq!(receive(codings, &body, 5000).unwrap(), content);
            let error = receive(codings, &body, 4999).unwrap_err();
            assert!(matches!(error, BodyError::TooLarge), "{error:?}");
        }
    }

    #[test]
    fn damaged_gzip_is_described() {
        let noise: Vec<u8> =
            (0..3000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        let whole = gzip(&noise);
        let mut damaged = whole.clone();
        damaged[700] ^= 0x55;
        for body in [&whole[..whole.len() - 3], &whole[..900], &damaged, b"{\"screen_records\":[]}"]
        {
            let Err(BodyError::Undecodable(what)) = receive(&["gzip"], body, 100_000) else {
                panic!("{} bytes", body.len());
            };
            let text = "its gzip content is incomplete or damaged in the first ";
            assert!(what.starts_with(text), "{what}");
        }
    }
}
