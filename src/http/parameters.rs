//! Query parameters of lists. Unknown parameters and values are refused instead of ignored, because a
//! misspelt filter would hide rows.

use std::ops::RangeInclusive;

use url::form_urlencoded;

/// Error in a query.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParameterError {
    /// Unknown parameter.
    #[error("unknown parameter {name}; accepted are {}, each at most once", listed(accepted))]
    Unknown {
        /// Its name.
        name: String,
        /// Names of the known ones.
        accepted: &'static [&'static str],
    },
    /// Parameter that is given twice.
    #[error("parameter {0} is given twice; each is accepted at most once")]
    Duplicate(&'static str),
    /// Value that is not accepted.
    #[error("invalid {name} {value}; {accepted}")]
    Value {
        /// Name of the parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// A text that names the accepted values.
        accepted: String,
    },
    /// User, although users are not shown.
    #[error("user is not accepted, because labels.user = \"drop\" hides users")]
    DroppedUser,
    /// Project that is not in the config.
    #[error("unknown project {name}; known are {}", known.join(", "))]
    Project {
        /// Requested name.
        name: String,
        /// Names in the config.
        known: Vec<String>,
    },
}

impl ParameterError {
    /// Returns the status of the answer.
    pub(super) fn status(&self) -> http::StatusCode {
        match self {
            Self::Project { .. } => http::StatusCode::NOT_FOUND,
            _ => http::StatusCode::BAD_REQUEST,
        }
    }
}

/// Parses a query string. A parameter without a value counts as absent, because a form also sends its
/// empty fields.
pub(super) fn parse(
    text: &str,
    accepted: &'static [&'static str],
) -> Result<Vec<(&'static str, String)>, ParameterError> {
    let mut parameters = Vec::new();
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let Some(name) = accepted.iter().find(|known| **known == name) else {
            return Err(ParameterError::Unknown { name: name.into_owned(), accepted });
        };
        if seen.contains(name) {
            return Err(ParameterError::Duplicate(name));
        }
        seen.push(*name);
        if !value.is_empty() {
            parameters.push((*name, value.into_owned()));
        }
    }
    Ok(parameters)
}

/// Parses a whole number.
pub(super) fn whole_number(
    name: &'static str,
    value: String,
    range: RangeInclusive<usize>,
) -> Result<usize, ParameterError> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let accepted = match (range.start(), range.end()) {
            (least, &usize::MAX) => format!("accepted is a whole number, {least} or more"),
            (least, most) => format!("accepted is a whole number from {least} to {most}"),
        };
        ParameterError::Value { name, value, accepted }
    })
}

/// Returns an error if a requested project is not in the config.
pub(super) fn require_known_project(
    name: Option<&str>,
    projects: &[&str],
) -> Result<(), ParameterError> {
    match name {
        Some(name) if !projects.contains(&name) => Err(ParameterError::Project {
            name: name.to_owned(),
            known: projects.iter().map(ToString::to_string).collect(),
        }),
        _ => Ok(()),
    }
}

/// Joins names: `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        names => names.join(", "),
    }
}
