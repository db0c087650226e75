//! Bodies that are put together from pieces, each encoded and compressed by itself, so that one that
//! has not changed need not be made again.
//!
//! A gzip body stays a single member, since browsers do not read behind the first: the pieces are
//! blocks of one deflate stream, none of which looks back into the one before. A zstd body is a frame
//! a piece, which every decoder takes.

use std::io;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

use super::format::Coding;

/// A piece of a body.
#[derive(Debug, Clone)]
pub struct Piece {
    bytes: Bytes,
    /// Of what was compressed.
    length: u64,
    checksum: Hasher,
}

/// A body, in chunks that may be shared with other bodies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    chunks: Vec<Bytes>,
}

/// Of zstd. Level 1 is as fast as gzip's fastest and smaller.
const ZSTD_LEVEL: i32 = 1;
/// No flags, no time, fastest, system unknown (RFC 1952).
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// What a flush ends with: an empty block without compression.
const END_OF_FLUSH: [u8; 4] = [0, 0, 0xff, 0xff];
/// The last block of a deflate stream, empty.
const LAST_BLOCK: [u8; 2] = [3, 0];

impl Piece {
    /// A piece that holds this.
    ///
    /// # Errors
    ///
    /// When the compressor fails, which it does only without memory.
    pub fn new(coding: Coding, content: Vec<u8>) -> io::Result<Self> {
        let length = content.len() as u64;
        let mut checksum = Hasher::new();
        let bytes = match coding {
            Coding::Identity => content,
            Coding::Gzip => {
                checksum.update(&content);
                deflated(&content)?
            }
            Coding::Zstd => zstd::bulk::compress(&content, ZSTD_LEVEL)?,
        };
        Ok(Self { bytes: Bytes::from(bytes), length, checksum })
    }
}

/// Blocks of a deflate stream that goes on, up to a whole byte.
fn deflated(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::fast(), false);
    // Enough for all at once, incompressible content too: a flush that finds its output full, as in
    // the crate's writers, is left unfinished now and then.
    let mut blocks = Vec::with_capacity(content.len() + content.len() / 8 + 1024);
    compress.compress_vec(content, &mut blocks, FlushCompress::Sync)?;
    let is_whole = compress.total_in() == content.len() as u64 && blocks.len() < blocks.capacity();
    if !is_whole || !blocks.ends_with(&END_OF_FLUSH) {
        return Err(io::Error::other("the compressor did not take all of the content"));
    }
    blocks.shrink_to_fit();
    Ok(blocks)
}

impl Body {
    /// The body of these pieces, which all have this coding.
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
            // The last 32 bits, says the format.
            end.extend_from_slice(&length.to_le_bytes()[..4]);
            chunks.insert(0, Bytes::from_static(&GZIP_HEAD));
            chunks.push(Bytes::from(end));
        }
        chunks.retain(|chunk| !chunk.is_empty());
        Self { chunks }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The bytes in chunks.
    pub fn into_chunks(self) -> Vec<Bytes> {
        self.chunks
    }

    /// The bytes at once.
    pub fn to_vec(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

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
            Coding::Zstd => zstd::stream::decode_all(body).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn a_body_is_what_its_pieces_hold(
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

    /// The crate's writers leave one in eight of these unfinished.
    #[test]
    fn pieces_of_every_length_are_whole() {
        let line = |n: u32| {
            format!("series{{n=\"{}\",user=\"user {}\"}} {}\n", n, n * 7 % 911, n * n % 8191)
        };
        let content: Vec<u8> = (0..20_000).flat_map(|n| line(n).into_bytes()).collect();
        for length in (300_000..330_000).step_by(97) {
            let piece = Piece::new(Coding::Gzip, content[..length].to_vec()).unwrap();
            let body = Body::of(Coding::Gzip, &[&piece]).to_vec();
            assert!(decoded(Coding::Gzip, &body) == content[..length], "{length}");
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
        let piece = Piece::new(Coding::Gzip, noise.clone()).unwrap();
        assert!(decoded(Coding::Gzip, &Body::of(Coding::Gzip, &[&piece]).to_vec()) == noise);
    }

    #[test]
    fn a_large_piece_is_whole_and_small() {
        let content: Vec<u8> = (0..300_000_u32)
            .flat_map(|n| format!("series{{n=\"{n}\"}} {}\n", n % 7).into_bytes())
            .collect();
        for (coding, most) in [(Coding::Gzip, 6), (Coding::Zstd, 6)] {
            let piece = Piece::new(coding, content.clone()).unwrap();
            let body = Body::of(coding, &[&piece, &piece]);
            assert!(body.len() < 2 * content.len() / most, "{coding:?} {}", body.len());
            assert_eq!(decoded(coding, &body.to_vec()), [&*content, &*content].concat());
        }
    }
}
