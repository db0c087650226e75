//! Names of the variables that set keys.

/// Start of the names of variables that set keys. Those with a single underscore there (`..._PORT`,
/// `..._SERVICE_HOST`), as Kubernetes injects them, are left alone.
pub const VARIABLE_PREFIX: &str = "SCREEN_RECORDS_EXPORTER__";

/// Returns the name of the variable that sets the key at a path, such as `projects[0].name`.
pub(super) fn variable_name(path: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", path.replace(']', "").replace(['[', '.'], "__").to_uppercase())
}
