//! Small text files, read with a limit: a path may name a device, or something endless.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Reads a file of at most `most` bytes.
///
/// # Errors
///
/// Those of the system, also where it is a directory or larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(ErrorKind::IsADirectory));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {most} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a file of at most `most` bytes of UTF-8.
///
/// # Errors
///
/// Those of [`read`], and [`ErrorKind::InvalidData`] where it is no text.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, most)?);
    text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Whether opening it may wait for somebody who writes into it, for ever.
pub fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|known| known.file_type().is_fifo())
}
