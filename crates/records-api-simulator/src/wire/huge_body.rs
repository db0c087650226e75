//! Bodies of any size, made of one block that is sent repeatedly.
//!
//! The compressed block is flushed so that it does not refer to earlier data and can be repeated as
//! well. A body of any size takes a quarter of a megabyte of memory.

use std::{convert::Infallible, iter};

use axum::body::{Body, Bytes};
use flate2::{Compress, Compression, Crc, FlushCompress};
use futures_util::stream;

/// Approximate size of the block.
const BLOCK_BYTES: usize = 256 << 10;
/// Room for what deflate adds to incompressible data.
const DEFLATE_OVERHEAD: usize = 1024;
/// Deflate, no flags, no time, best compression, unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

const PAGE_START: &str = "{\"total_count\":1,\"screen_records\":[";
const ROW: &str = "{\"id\":\"0123456789abcdef0123456789abcdef\",\"status\":\"UPLOAD_COMPLETED\",\
                   \"type\":\"FULL\",\"start_time\":\"2024-10-15T10:04:41.263Z\"}";
const ROW_START: &str = "{\"id\":\"";

/// The content of a huge body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugeContent {
    /// Many rows, all of the same record
    Rows,
    /// One row with a huge `id`
    Text,
}

impl HugeContent {
    /// Every content with its name.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("rows", Self::Rows), ("text", Self::Text)];
}

/// A page of the API in parts: a head, a repeated block, a tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HugeBody {
    head: Bytes,
    block: Bytes,
    repeats: u64,
    tail: Bytes,
}

impl HugeBody {
    /// Creates a page of `bytes` bytes, or a few hundred if that is less.
    pub(crate) fn new(bytes: u64, content: HugeContent) -> Self {
        let (head, block, padding, end) = match content {
            HugeContent::Rows => {
                let row = format!("{ROW},");
                (
                    PAGE_START.to_owned(),
                    row.repeat(BLOCK_BYTES / row.len()),
                    " ",
                    format!("{ROW}]}}"),
                )
            }
            HugeContent::Text => (
                format!("{PAGE_START}{ROW_START}"),
                "x".repeat(BLOCK_BYTES),
                "x",
                "\"}]}".to_owned(),
            ),
        };
        let rest = bytes.saturating_sub((head.len() + end.len()) as u64);
        let repeats = rest / block.len() as u64;
        let odd = usize::try_from(rest % block.len() as u64).unwrap_or(0);
        let tail = padding.repeat(odd) + &end;
        Self { head: head.into(), block: block.into(), repeats, tail: tail.into() }
    }

    /// Returns the same body, compressed as one gzip member.
    pub(crate) fn gzipped(&self) -> Self {
        let mut sum = Crc::new();
        sum.update(&self.head);
        let mut block = Crc::new();
        block.update(&self.block);
        for _ in 0..self.repeats {
            sum.combine(&block);
        }
        sum.update(&self.tail);
        let mut deflate = Compress::new(Compression::best(), false);
        let mut head = GZIP_HEADER.to_vec();
        head.extend(compress(&mut deflate, &self.head, FlushCompress::Full));
        let block = compress(&mut deflate, &self.block, FlushCompress::Full);
        let mut tail = compress(&mut deflate, &self.tail, FlushCompress::Finish);
        tail.extend(sum.sum().to_le_bytes());
        tail.extend(sum.amount().to_le_bytes());
        Self { head: head.into(), block: block.into(), repeats: self.repeats, tail: tail.into() }
    }

    /// Returns the body, which is written as fast as the client reads it.
    pub(crate) fn into_body(self) -> Body {
        let repeats = usize::try_from(self.repeats).unwrap_or(usize::MAX);
        let blocks = iter::repeat_n(self.block, repeats);
        let parts = iter::once(self.head).chain(blocks).chain(iter::once(self.tail));
        Body::from_stream(stream::iter(parts.map(Ok::<_, Infallible>)))
    }
}

fn compress(deflate: &mut Compress, data: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + DEFLATE_OVERHEAD);
    deflate.compress_vec(data, &mut out, flush).expect("deflate takes any data");
    debug_assert!(out.len() < out.capacity(), "deflate wrote all of its output");
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(body: HugeBody) -> Vec<u8> {
        body.into_body().collect().await.unwrap().to_bytes().into()
    }

    #[tokio::test]
    async fn a_huge_body_is_a_page_of_the_configured_size() {
        for content in [HugeContent::Rows, HugeContent::Text] {
            for bytes in [2000, 3 << 20] {
                let huge = HugeBody::new(bytes, content);
                let body = read(huge.clone()).await;
                assert_eq!(body.len() as u64, bytes);
                let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert!(!page["screen_records"].as_array().unwrap().is_empty());
                let gzip = read(huge.gzipped()).await;
                assert!(gzip.len() < body.len() / 3, "{} of {}", gzip.len(), body.len());
                let mut inflated = Vec::new();
                GzDecoder::new(gzip.as_slice()).read_to_end(&mut inflated).unwrap();
                assert!(inflated == body, "{content:?} {bytes}");
            }
        }
    }

    #[test]
    fn a_bomb_of_300_mib_is_small() {
        let bomb = HugeBody::new(300 << 20, HugeContent::Text).gzipped();
        let size = bomb.block.len() as u64 * bomb.repeats;
        assert!(size < 1 << 20, "{size}");
    }
}
