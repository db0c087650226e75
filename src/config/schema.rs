//! Looks up keys in a table of keys: exactly, and those that a misspelt one may have meant.

use super::key::Key;
use super::kind::listed;

/// Longer names are not misspelt keys.
const MAX_MISSPELT_BYTES: usize = 100;

/// A table of keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema(pub(crate) &'static [Key]);

/// Meaning of a path in a config.
pub(crate) enum Meaning {
    /// A key, also `<key>_file` or `<key>_env` of a secret.
    Key,
    /// A section that contains keys.
    Section,
    /// Neither.
    Unknown,
}

/// The secrets in a section.
#[derive(Debug, PartialEq)]
pub(crate) enum Secrecy {
    None,
    /// Keys or certificates in PEM form, or hashes: long lines.
    Pem,
    /// The keys for signing in: tokens and passwords, which may look like any word.
    Secrets,
}

impl Schema {
    pub(crate) fn meaning(self, path: &str) -> Meaning {
        if self.find(path).is_some() {
            Meaning::Key
        } else if self.names_in(path).is_empty() {
            Meaning::Unknown
        } else {
            Meaning::Section
        }
    }

    /// The key of a path as it was written: of `<key>_file` and `<key>_env`, the secret.
    pub(crate) fn find(self, path: &str) -> Option<&'static Key> {
        self.exactly(path).or_else(|| {
            let base = path.strip_suffix("_file").or_else(|| path.strip_suffix("_env"))?;
            self.exactly(base).filter(|key| key.is_secret())
        })
    }

    pub(crate) fn exactly(self, path: &str) -> Option<&'static Key> {
        self.0.iter().find(|key| key.path == path)
    }

    /// The names of the keys and sections in a section; none if it is not one.
    pub(crate) fn names_in(self, section: &str) -> Vec<&'static str> {
        let mut names = Vec::new();
        for key in self.0 {
            let rest = match section {
                "" => Some(key.path),
                _ => key.path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
            };
            let name = rest.and_then(|rest| rest.split('.').next());
            names.extend(name.filter(|name| !names.contains(name)));
        }
        names
    }

    /// The error about a path that is not a key.
    pub(crate) fn unknown(self, path: &str) -> String {
        if let Some(near) = self.nearest(path) {
            return format!("unknown key; did you mean {near}?");
        }
        let section = path.rsplit_once('.').map_or("", |(section, _)| section);
        match &self.names_in(section)[..] {
            [] => "unknown key".to_owned(),
            names => format!("unknown key. Accepted are {}", listed(names, "and")),
        }
    }

    /// Secrets that an unknown name may be by mistake: a value in the place of its key.
    pub(crate) fn secrecy(self, section: &str) -> Secrecy {
        let is_in = |key: &&Key| key.path.rsplit_once('.').map_or("", |(own, _)| own) == section;
        let mut hidden = self.0.iter().filter(is_in).filter(|key| !key.is_public);
        if self.0.iter().filter(is_in).any(|key| key.method.is_some()) {
            Secrecy::Secrets
        } else if hidden.any(|key| !key.is_secret()) {
            Secrecy::Pem
        } else {
            Secrecy::None
        }
    }

    /// The key or section that was probably meant: the one with the most similar spelling, or else
    /// the only one of that name in another section.
    pub(crate) fn nearest(self, path: &str) -> Option<String> {
        if path.len() > MAX_MISSPELT_BYTES {
            return None;
        }
        let (_, last) = path.rsplit_once('.').unwrap_or(("", path));
        // Three changes leave little of a short word.
        let max_changes = (1 + last.chars().count() / 4).min(3);
        let known = self.paths();
        let spelt = known.iter().map(|known| (strsim::levenshtein(path, known), known)).min();
        if let Some((_, known)) = spelt.filter(|(changes, _)| *changes <= max_changes) {
            return Some(known.clone());
        }
        let ending = format!(".{last}");
        let mut elsewhere = known.into_iter().filter(|known| known.ends_with(&ending));
        elsewhere.next().filter(|_| elsewhere.next().is_none())
    }

    /// The paths of all keys, also of `<key>_file` and `<key>_env`.
    pub(crate) fn keys(self) -> Vec<String> {
        let mut paths = self.paths();
        paths.retain(|path| self.find(path).is_some());
        paths
    }

    /// The paths of all keys and sections.
    fn paths(self) -> Vec<String> {
        let mut paths = Vec::new();
        for key in self.0 {
            paths.push(key.path.to_owned());
            if key.is_secret() {
                paths.extend([format!("{}_file", key.path), format!("{}_env", key.path)]);
            }
            let sections = key.path.match_indices('.').map(|(at, _)| key.path[..at].to_owned());
            paths.extend(sections);
        }
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::super::KEYS;
    use super::*;

    const SCHEMA: Schema = Schema(KEYS);

    #[test]
    fn keys_are_found_by_their_path_and_secrets_by_their_variants() {
        let found = |path: &str| SCHEMA.find(path).map(|key| key.path);
        assert_eq!(found("poll.window"), Some("poll.window"));
        assert_eq!(found("projects.auth.token_file"), Some("projects.auth.token"));
        assert_eq!(found("projects.auth.token_env"), Some("projects.auth.token"));
        assert_eq!(found("poll.window_file"), None);
        assert!(matches!(SCHEMA.meaning("projects.auth"), Meaning::Section));
        assert!(matches!(SCHEMA.meaning("poll.window.x"), Meaning::Unknown));
        assert_eq!(SCHEMA.names_in("log"), ["level", "format"]);
        assert_eq!(SCHEMA.secrecy("projects.auth"), Secrecy::Secrets);
        assert_eq!(SCHEMA.secrecy("api"), Secrecy::None);
    }

    #[test]
    fn a_misspelt_or_misplaced_key_finds_the_one_that_was_meant() {
        let cases = [
            ("poll.windwo", Some("poll.window")),
            ("api.page_sizes", Some("api.page_size")),
            ("projects.auth.token_fil", Some("projects.auth.token_file")),
            ("polll", Some("poll")),
            ("projects.token_env", Some("projects.auth.token_env")),
            ("listen_addresses", Some("web.listen_addresses")),
            ("max_concurrent_requests", None),
            ("poll.foo", None),
            ("something.else", None),
        ];
        for (path, expected) in cases {
            assert_eq!(SCHEMA.nearest(path).as_deref(), expected, "{path}");
        }
    }
}
