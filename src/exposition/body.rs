//! Bodies assembled from pieces. Each piece is encoded and compressed separately, so an unchanged
//! piece is reused.
//!
//! A gzip body is a single member, because browsers ignore data after the first one: the pieces are
//! blocks of one deflate stream that do not refer to each other. A zstd body has one frame per piece,
//! which every decoder accepts.

use std::io;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

use super::format::Coding;

/// Encoded and compressed part of a body.
#[derive(Debug, Clone)]
pub struct Piece {
    bytes: Bytes,
    /// Length before compression, in bytes.
    length: u64,
    checksum: Hasher,
}

/// Body of an answer, in chunks that may be shared with other bodies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    chunks: Vec<Bytes>,
}

/// Level 1 of zstd is as fast as the fastest level of gzip, and its output is smaller.
const ZSTD_LEVEL: i32 = 1;
/// Header of a gzip member (RFC 1952): no flags, no time, fastest level, unknown system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// End of a sync flush: an empty stored block.
const END_OF_FLUSH: [u8; 4] = [0, 0, 0xff, 0xff];
/// Empty last block of a deflate stream.
const LAST_BLOCK: [u8; 2] = [3, 0];

impl Piece {
    /// Compresses `content`.
    ///
    /// # Errors
    ///
    /// Fails if the compressor fails, which happens only when memory is exhausted.
    pub fn new(coding: Coding, content: Vec<u8>) -> io::Result<Self> {
        let length = content.len() as u64;
        let mut checksum = Hasher::new();
        let bytes = match coding {
            Coding::Identity => content,
            Coding::Gzip => {
                checksum.update(&content);
                deflated(&content)?
            }
            Coding::Zstd => {
                let mut frame = zrip::compress(&content, ZSTD_LEVEL).map_err(io::Error::other)?;
                // It is as long as its content before.
                frame.shrink_to_fit();
                frame
            }
        };
        Ok(Self { bytes: Bytes::from(bytes), length, checksum })
    }
}

/// Returns blocks of a deflate stream that ends at a byte boundary and can be continued.
fn deflated(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::fast(), false);
    // Large enough for incompressible content. With a full output buffer, as in the crate's writers, a
    // flush is sometimes left incomplete.
    let mut blocks = Vec::with_capacity(content.len() + content.len() / 8 + 1024);
    compress.compress_vec(content, &mut blocks, FlushCompress::Sync)?;
    let is_whole = compress.total_in() == content.len() as u64 && blocks.len() < blocks.capacity();
    if !is_whole || !blocks.ends_with(&END_OF_FLUSH) {
        return Err(io::Error::other("the compressor did not accept all of the content"));
    }
    blocks.shrink_to_fit();
    Ok(blocks)
}

impl Body {
    /// Assembles pieces that were all compressed with this coding.
    pub fn of(coding: Coding, pieces: &[&Piece]) -> Self {
        let mut chunks: Vec<_> = pieces.iter().map(|piece| piece.bytes.clone()).collect();
        if coding == Coding::Gzip {
            let mut checksum = Hasher::new();
            let mut length = 0_u64;
            for piece in pieces {
                checksum.combine(&piece.checksum);
                length = length.wrapping_add(piece.length);
            }
            let mut end = LAST_BLOCK.to_vec();
            end.extend_from_slice(&checksum.finalize().to_le_bytes());
            // The format stores only the low 32 bits.
            end.extend_from_slice(&length.to_le_bytes()[..4]);
            chunks.insert(0, Bytes::from_static(&GZIP_HEAD));
            chunks.push(Bytes::from(end));
        }
        chunks.retain(|chunk| !chunk.is_empty());
        Self { chunks }
    }

    /// Returns the length in bytes.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Returns true if the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Returns the chunks.
    pub fn into_chunks(self) -> Vec<Bytes> {
        self.chunks
    }

    /// Returns all bytes as one vector.
    pub fn to_vec(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;
    use ruzstd::decoding::StreamingDecoder;

    use super::*;

    fn decoded(coding: Coding, body: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Identity => body.to_vec(),
            Coding::Gzip => {
                let mut decoder = GzDecoder::new(body);
                let mut content = Vec::new();
                decoder.read_to_end(&mut content).unwrap();
                assert!(decoder.into_inner().is_empty(), "more than one member");
                content
            }
            Coding::Zstd => {
                let (mut rest, mut content) = (body, Vec::new());
                while !rest.is_empty() {
                    let mut frame = StreamingDecoder::new(&mut rest).unwrap();
                    frame.read_to_end(&mut content).unwrap();
                }
                content
            }
        }
    }

    proptest! {
        #[test]
        fn a_body_decodes_to_the_content_of_its_pieces(
            contents in prop::collection::vec(prop::collection::vec(0_u8..4, 0..2000), 1..4)
        ) {
            for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
                let pieces: Vec<_> =
                    contents.iter().map(|c| Piece::new(coding, c.clone()).unwrap()).collect();
                let body = Body::of(coding, &pieces.iter().collect::<Vec<_>>());
                prop_assert_eq!(body.len(), body.to_vec().len());
                prop_assert_eq!(decoded(coding, &body.to_vec()), contents.concat());
            }
        }
    }

    /// One in eight gzip pieces is left unfinished by the writers of flate2.
    #[test]
    fn pieces_of_every_length_are_complete() {
        let line = |n: u32| {
            format!("series{{n=\"{}\",user=\"user {}\"}} {}\n", n, n * 7 % 911, n * n % 8191)
        };
        let content: Vec<u8> = (0..20_000).flat_map(|n| line(n).into_bytes()).collect();
        for length in (300_000..330_000).step_by(97) {
            for coding in [Coding::Gzip, Coding::Zstd] {
                let piece = Piece::new(coding, content[..length].to_vec()).unwrap();
                let body = Body::of(coding, &[&piece]).to_vec();
                assert!(decoded(coding, &body) == content[..length], "{coding:?} {length}");
            }
        }
        let mut noise = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[3]
        })
        .take(500_000)
        .collect();
        for coding in [Coding::Gzip, Coding::Zstd] {
            let piece = Piece::new(coding, noise.clone()).unwrap();
            assert!(decoded(coding, &Body::of(coding, &[&piece]).to_vec()) == noise, "{coding:?}");
        }
    }

    #[test]
    fn a_large_piece_is_complete_and_small() {
        let content: Vec<u8> = (0..300_000_u32)
            .flat_map(|n| format!("series{{n=\"{n}\"}} {}\n", n % 7).into_bytes())
            .collect();
        for (coding, ratio) in [(Coding::Gzip, 6), (Coding::Zstd, 6)] {
            let piece = Piece::new(coding, content.clone()).unwrap();
            let body = Body::of(coding, &[&piece, &piece]);
            assert!(body.len() < 2 * content.len() / ratio, "{coding:?} {}", body.len());
            assert_eq!(decoded(coding, &body.to_vec()), [&*content, &*content].concat());
        }
    }
}
