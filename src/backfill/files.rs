//! Temporary files of serialized items. They have no name: the system removes them however the process
//! ends.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Size of the buffer of a writer, and of each reader. A merge has a reader for each sorted run.
const BUFFER_BYTES: usize = 16 * 1024;

/// File of items that is being written.
#[derive(Debug)]
pub(super) struct ItemWriter {
    file: BufWriter<File>,
    buffer: Vec<u8>,
    /// Number of bytes so far.
    length: u64,
}

/// Reads the items of a part of a file.
#[derive(Debug)]
pub(super) struct ItemReader {
    part: BufReader<FilePart>,
    buffer: Vec<u8>,
}

/// Part of a file that several readers share.
#[derive(Debug)]
struct FilePart {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl ItemWriter {
    pub(super) fn in_directory(directory: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(directory)?);
        Ok(Self { file, buffer: Vec::new(), length: 0 })
    }

    /// Appends an item, preceded by its length.
    pub(super) fn push(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.buffer.clear();
        postcard::to_io(item, &mut self.buffer).map_err(io::Error::other)?;
        let length = u32::try_from(self.buffer.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_be_bytes())?;
        self.file.write_all(&self.buffer)?;
        self.length += 4 + u64::from(length);
        Ok(())
    }

    /// Returns the number of bytes so far, at which the next item begins.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Ends writing, and returns the file to read.
    pub(super) fn finish(self) -> io::Result<Arc<File>> {
        Ok(Arc::new(self.file.into_inner().map_err(io::IntoInnerError::into_error)?))
    }
}

impl ItemReader {
    /// Reads the items between two positions.
    pub(super) fn new(file: Arc<File>, start: u64, end: u64) -> Self {
        let part = FilePart { file, at: start, end };
        Self { part: BufReader::with_capacity(BUFFER_BYTES, part), buffer: Vec::new() }
    }

    /// Reads the next item, which may borrow from the reader.
    pub(super) fn next<'r, T: Deserialize<'r>>(&'r mut self) -> io::Result<Option<T>> {
        let mut length = [0; 4];
        if self.part.buffer().is_empty() && self.part.get_ref().is_at_end() {
            return Ok(None);
        }
        self.part.read_exact(&mut length)?;
        self.buffer.resize(u32::from_be_bytes(length) as usize, 0);
        self.part.read_exact(&mut self.buffer)?;
        postcard::from_bytes(&self.buffer).map(Some).map_err(io::Error::other)
    }
}

impl FilePart {
    fn is_at_end(&self) -> bool {
        self.at >= self.end
    }
}

impl Read for FilePart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
