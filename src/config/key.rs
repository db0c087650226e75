//! A key of a config: its path, what it accepts and its default.

use super::kind::Kind;
use super::units::show_duration;

/// A key of a config.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Path. `projects.` stands for every element of the list.
    pub path: &'static str,
    /// Accepted values.
    pub kind: Kind,
    /// Default as TOML, if there is one. `{region}` stands for the project's region.
    pub default: Option<&'static str>,
    /// Variable of the cloud's own tools that is read where the key is absent, before the default.
    pub variable: Option<&'static str>,
    /// The sign-in method that it belongs to, if it is not for all of them.
    pub method: Option<&'static str>,
    /// The secret without which it has no effect, if there is one.
    pub requires: Option<&'static str>,
    /// True if a change takes effect only after a restart.
    pub needs_restart: bool,
    /// True if an error may show its value. A secret is never shown.
    pub(crate) is_public: bool,
}

impl Key {
    /// A key without a default.
    pub(crate) const fn new(path: &'static str, kind: Kind) -> Self {
        let is_public = !matches!(kind, Kind::Secret(_) | Kind::Pem);
        let (default, variable, method, requires) = (None, None, None, None);
        Self { path, kind, default, variable, method, requires, needs_restart: false, is_public }
    }

    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(crate) const fn or_variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    pub(crate) const fn of_method(self, method: &'static str) -> Self {
        Self { method: Some(method), ..self }
    }

    pub(crate) const fn requires(self, path: &'static str) -> Self {
        Self { requires: Some(path), ..self }
    }

    pub(crate) const fn needs_restart(self) -> Self {
        Self { needs_restart: true, ..self }
    }

    /// Never shows its value in an error.
    pub(crate) const fn hidden(self) -> Self {
        Self { is_public: false, ..self }
    }

    /// True if it is a secret, which is never shown and can be given in two other ways.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }

    /// The default without its quotes, if it is a text.
    pub(crate) fn default_text(&self) -> Option<&'static str> {
        self.default?.strip_prefix('"')?.strip_suffix('"')
    }

    /// Returns a description of the accepted values.
    pub fn accepts(&self) -> String {
        let example = self.default_text();
        match &self.kind {
            Kind::Duration { min, max } => {
                let (min, max) = (show_duration(*min), show_duration(*max));
                format!("a duration such as \"{}\", from {min} to {max}", example.unwrap_or(&max))
            }
            Kind::Size { min, max } => {
                let max = max.to_string();
                format!("a size such as \"{}\", from {min} to {max}", example.unwrap_or(&max))
            }
            Kind::Url => {
                let example = example.unwrap_or("https://example.org");
                let example = example.replace("{region}", "ap-southeast-3");
                format!("a URL such as \"{example}\", without user, path, query and fragment")
            }
            kind => kind.accepts(),
        }
    }
}
