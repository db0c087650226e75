//! The section `projects.filter`.

use figment::value::Value;

use super::section::Section;

/// Which records are asked for. Codes are checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Exactly this desktop.
    pub desktop_id: Option<String>,
    /// Any of these desktops.
    pub desktop_names: Vec<String>,
    /// Exactly this user.
    pub username: Option<String>,
    /// Only this status, as a code.
    pub status: Option<String>,
    /// Only this type, as a code.
    pub record_type: Option<String>,
}

const STATUSES: [&str; 6] =
    ["RECORDING", "REC_COMPLETED", "REC_FAILED", "UPLOADING", "UPLOAD_COMPLETED", "UPLOAD_FAILED"];
const TYPES: [&str; 4] = ["FULL", "INTERVAL", "OPERATION", "SESSION"];
const MOST_DESKTOP_NAMES: usize = 100;

impl Filter {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            desktop_id: section.text("filter.desktop_id", |_| true),
            desktop_names: desktop_names(section),
            username: section.text("filter.username", |_| true),
            status: section.text("filter.status", |code| STATUSES.contains(&code)),
            record_type: section.text("filter.type", |code| TYPES.contains(&code)),
        }
    }
}

fn desktop_names(section: &mut Section<'_, '_>) -> Vec<String> {
    let path = "filter.desktop_names";
    let Some(value) = section.value(path) else { return Vec::new() };
    let text = |value: &Value| value.as_str().map(|text| text.trim().to_owned());
    let names: Option<Vec<String>> = value.as_array().and_then(|l| l.iter().map(text).collect());
    // The API takes them between commas.
    let is_valid = |name: &String| !name.is_empty() && !name.contains(',');
    let names =
        names.filter(|names| names.len() <= MOST_DESKTOP_NAMES && names.iter().all(is_valid));
    names.unwrap_or_else(|| {
        section.refuse(path, &value);
        Vec::new()
    })
}
