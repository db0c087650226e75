//! Reads small files with a limit of their size, because a path may name an endless device.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Reads a file of at most `max_bytes` bytes.
///
/// # Errors
///
/// The error of the system; [`ErrorKind::IsADirectory`] for a directory,
/// [`ErrorKind::FileTooLarge`] for a larger file.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(ErrorKind::IsADirectory));
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {max_bytes} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a text file of at most `max_bytes` bytes.
///
/// # Errors
///
/// Those of [`read`], and [`ErrorKind::InvalidData`] if the file is not UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    let text = String::from_utf8(read(path, max_bytes)?);
    text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// True if the path is a named pipe. Opening it blocks until another process writes to it.
pub fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|known| known.file_type().is_fifo())
}
