//! Names, IDs and regions of projects: the texts that are accepted.

use super::url::is_part_of_host;

const MAX_NAME_CHARS: usize = 100;
/// A file of this name with an extension must fit into the 255 bytes of a file system.
const MAX_NAME_BYTES: usize = 200;

/// True if a text can label every series and name the file of the project's state.
pub(super) fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME_CHARS
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('.')
        && name.chars().all(|c| !c.is_control() && c != '/' && c != '\\')
}

/// True if a text is the id of a project.
pub(super) fn is_id(id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&id.len()) && id.chars().all(is_plain)
}

/// True if a text is a region.
pub(super) fn is_region(region: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    region.len() <= 63
        && !region.starts_with('-')
        && !region.ends_with('-')
        && region.chars().all(is_plain)
        && is_part_of_host(region)
}
