//! Frames: values of the database that hold many entries.

use super::Entry;

/// Size from which a frame takes no further entry. Values of the database that are a little longer
/// than 65,000 bytes take twice their space.
const MAX_FRAME_BYTES: usize = 56_000;

/// Packs entries into frames.
pub(in crate::ledger) fn frames<'a>(
    entries: impl Iterator<Item = Entry> + 'a,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let mut entries = entries.peekable();
    std::iter::from_fn(move || {
        entries.peek()?;
        let mut frame = Vec::new();
        while frame.len() < MAX_FRAME_BYTES
            && let Some(entry) = entries.next()
        {
            frame = postcard::to_extend(&entry, frame).expect("memory is written without errors");
        }
        Some(frame)
    })
}

/// Passes the entries of a frame to `take`.
///
/// # Errors
///
/// The reason of `take`, or why the frame cannot be decoded.
pub(in crate::ledger) fn read_frame(
    mut frame: &[u8],
    mut take: impl FnMut(Entry) -> Result<(), String>,
) -> Result<(), String> {
    while !frame.is_empty() {
        let (entry, rest) = postcard::take_from_bytes(frame).map_err(|error| error.to_string())?;
        take(entry)?;
        frame = rest;
    }
    Ok(())
}
