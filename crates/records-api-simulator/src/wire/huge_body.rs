//! Bodies that do not end: as many bytes as wanted, from one block that is repeated while it is
//! sent.
//!
//! Compressed, the block is flushed so that it needs nothing of what came before: then it may be
//! repeated as well, and a body of any size costs the simulator a quarter of a megabyte.

use std::{convert::Infallible, iter};

use axum::body::{Body, Bytes};
use flate2::{Compress, Compression, Crc, FlushCompress};
use futures_util::stream;

/// Bytes of the block, about.
const BLOCK: usize = 256 << 10;
/// Room for what deflate adds to data that it cannot compress.
const SLACK: usize = 1024;
/// Deflate, no flags, no time, best compression, no system.
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

const OPEN: &str = "{\"total_count\":1,\"screen_records\":[";
const ROW: &str = "{\"id\":\"0123456789abcdef0123456789abcdef\",\"status\":\"UPLOAD_COMPLETED\",\
                   \"type\":\"FULL\",\"start_time\":\"2024-10-15T10:04:41.263Z\"}";
const OPEN_TEXT: &str = "{\"id\":\"";

/// What a body without end is full of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filling {
    /// Rows, all of one record
    Rows,
    /// The `id` of the one row
    Text,
}

impl Filling {
    /// Every filling with its name.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("rows", Self::Rows), ("text", Self::Text)];
}

/// A page of the API, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flood {
    head: Bytes,
    block: Bytes,
    times: u64,
    tail: Bytes,
}

impl Flood {
    /// A page of `bytes` bytes; of a few hundred at least.
    pub(crate) fn new(bytes: u64, filling: Filling) -> Self {
        let (head, block, filler, end) = match filling {
            Filling::Rows => {
                let row = format!("{ROW},");
                (OPEN.to_owned(), row.repeat(BLOCK / row.len()), " ", format!("{ROW}]}}"))
            }
            Filling::Text => {
                (format!("{OPEN}{OPEN_TEXT}"), "x".repeat(BLOCK), "x", "\"}]}".to_owned())
            }
        };
        let rest = bytes.saturating_sub((head.len() + end.len()) as u64);
        let times = rest / block.len() as u64;
        let odd = usize::try_from(rest % block.len() as u64).unwrap_or(0);
        let tail = filler.repeat(odd) + &end;
        Self { head: head.into(), block: block.into(), times, tail: tail.into() }
    }

    /// The same, compressed as one gzip member.
    pub(crate) fn gzipped(&self) -> Self {
        let mut sum = Crc::new();
        sum.update(&self.head);
        let mut block = Crc::new();
        block.update(&self.block);
        for _ in 0..self.times {
            sum.combine(&block);
        }
        sum.update(&self.tail);
        let mut deflate = Compress::new(Compression::best(), false);
        let mut head = GZIP.to_vec();
        head.extend(squeeze(&mut deflate, &self.head, FlushCompress::Full));
        let block = squeeze(&mut deflate, &self.block, FlushCompress::Full);
        let mut tail = squeeze(&mut deflate, &self.tail, FlushCompress::Finish);
        tail.extend(sum.sum().to_le_bytes());
        tail.extend(sum.amount().to_le_bytes());
        Self { head: head.into(), block: block.into(), times: self.times, tail: tail.into() }
    }

    /// The body, written as fast as it is read.
    pub(crate) fn into_body(self) -> Body {
        let times = usize::try_from(self.times).unwrap_or(usize::MAX);
        let blocks = iter::repeat_n(self.block, times);
        let parts = iter::once(self.head).chain(blocks).chain(iter::once(self.tail));
        Body::from_stream(stream::iter(parts.map(Ok::<_, Infallible>)))
    }
}

fn squeeze(deflate: &mut Compress, data: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + SLACK);
    deflate.compress_vec(data, &mut out, flush).expect("deflate takes any data");
    debug_assert!(out.len() < out.capacity(), "the output had room, so nothing is left inside");
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(flood: Flood) -> Vec<u8> {
        flood.into_body().collect().await.unwrap().to_bytes().into()
    }

    #[tokio::test]
    async fn a_flood_is_a_page_of_as_many_bytes_as_wanted() {
        for filling in [Filling::Rows, Filling::Text] {
            for bytes in [2000, 3 << 20] {
                let flood = Flood::new(bytes, filling);
                let body = read(flood.clone()).await;
                assert_eq!(body.len() as u64, bytes);
                let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert!(!page["screen_records"].as_array().unwrap().is_empty());
                let gzip = read(flood.gzipped()).await;
                assert!(gzip.len() < body.len() / 3, "{} of {}", gzip.len(), body.len());
                let mut inflated = Vec::new();
                GzDecoder::new(gzip.as_slice()).read_to_end(&mut inflated).unwrap();
                assert!(inflated == body, "{filling:?} {bytes}");
            }
        }
    }

    #[test]
    fn a_bomb_of_300_mib_is_small() {
        let bomb = Flood::new(300 << 20, Filling::Text).gzipped();
        let size = bomb.block.len() as u64 * bomb.times;
        assert!(size < 1 << 20, "{size}");
    }
}
