//! Receives the body of a response, decompressed and within a limit of its size.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};

use super::budget::{BodyBuffer, TooLarge};
use crate::wire::one_line;

/// Names of codings are short.
const MAX_CODING_CHARS: usize = 60;

/// A body that is being received.
pub(super) struct Body {
    content: BodyBuffer,
    /// Decompresses the content; `None` if it is not compressed.
    decoder: Option<Box<MultiGzDecoder<Vec<u8>>>>,
    /// Number of bytes received so far, before decompression.
    received: usize,
}

/// Number of compressed bytes that are decompressed at a time: at most a thousand times as many bytes
/// are outside of the budget for a moment.
const DECOMPRESSED_AT_ONCE: usize = 256;

/// The reason why a body is not accepted.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// It cannot be decompressed, for this reason.
    Undecodable(String),
}

impl From<TooLarge> for BodyError {
    fn from(TooLarge: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl Body {
    /// Starts a body with the headers of its response. `announced` is its size according to them.
    pub(super) async fn new(
        headers: &HeaderMap,
        announced: Option<u64>,
        mut content: BodyBuffer,
    ) -> Self {
        let is_gzip = is_gzip(headers);
        let decoder = is_gzip.then(|| Box::new(MultiGzDecoder::new(Vec::new())));
        if !is_gzip {
            let announced = announced.and_then(|length| usize::try_from(length).ok());
            content.expect(announced.unwrap_or(0)).await;
        }
        Self { content, decoder, received: 0 }
    }

    /// Returns the number of bytes received so far, before decompression.
    pub(super) fn received(&self) -> usize {
        self.received
    }

    /// Appends a part.
    pub(super) async fn push(&mut self, part: &[u8]) -> Result<(), BodyError> {
        self.received += part.len();
        let Some(decoder) = &mut self.decoder else { return Ok(self.content.append(part).await?) };
        for part in part.chunks(DECOMPRESSED_AT_ONCE) {
            decoder.write_all(part).map_err(|error| undecodable(self.received, &error))?;
            self.content.append(decoder.get_ref()).await?;
            decoder.get_mut().clear();
        }
        Ok(())
    }

    /// Ends the body after its last part.
    pub(super) async fn finish(&mut self) -> Result<(), BodyError> {
        // A response without content may name a coding all the same.
        if let Some(decoder) = self.decoder.as_mut().filter(|_| self.received > 0) {
            decoder.try_finish().map_err(|error| undecodable(self.received, &error))?;
            self.content.append(decoder.get_ref()).await?;
            decoder.get_mut().clear();
        }
        Ok(())
    }

    /// Returns the content received so far.
    pub(super) fn into_bytes(self) -> Bytes {
        self.content.into_body()
    }
}

fn undecodable(received: usize, error: &io::Error) -> BodyError {
    BodyError::Undecodable(format!(
        "its gzip content is incomplete or damaged in the first {received} bytes: {error}"
    ))
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

/// Returns the description of codings that were not removed from a body; `None` if all were.
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

    use super::super::budget::ReadLimit;
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
        let buffer = BodyBuffer::new(ReadLimit::new(limit), None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut received = Body::new(&headers(codings), None, buffer).await;
            for part in body.chunks(7) {
                received.push(part).await?;
            }
            received.finish().await?;
            assert_eq!(received.received(), body.len());
            Ok(received.into_bytes())
        })
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
