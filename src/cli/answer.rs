//! Writes the result of a command to stdout.

use std::io::{self, Write};

use crate::app::Failure;

/// Writes the result of a command.
pub(super) fn answer(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_ref()).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::run(format!("cannot write to stdout: {error}")))
}
