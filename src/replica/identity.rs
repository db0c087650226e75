//! Identity of what a project counts: hashes by key, so that replicas find keys in which their configs
//! differ.

use std::fmt::Write;

/// Identity of what a project counts: keys of the config with hashes of their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity(String);

/// Characters of a hash. Two values with the same one would be taken for equal.
const HASH_CHARS: usize = 16;

impl Identity {
    /// Creates the identity of a project with these keys and values.
    pub fn of<'k>(values: impl IntoIterator<Item = (&'k str, String)>) -> Self {
        let mut text = String::new();
        for (key, value) in values {
            let hash = records_api::hashed_identity(&value);
            let start = hash.len().saturating_sub(HASH_CHARS);
            // Writing into a string cannot fail.
            let _ = write!(text, "{key}={} ", &hash[start..]);
        }
        Self(text.trim_end().to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the keys that another identity has with other values, or that only one of them has.
    pub(super) fn differences(&self, other: &str) -> Vec<String> {
        let parts = |text: &str| -> Vec<(String, String)> {
            let parts = text.split(' ').filter_map(|part| part.split_once('='));
            parts.map(|(key, hash)| (key.to_owned(), hash.to_owned())).collect()
        };
        let (own, other) = (parts(&self.0), parts(other));
        let only_in = |these: &[(String, String)], those: &[(String, String)]| {
            let missing = these.iter().filter(|part| !those.contains(part));
            missing.map(|(key, _)| key.clone()).collect::<Vec<_>>()
        };
        let mut keys = [only_in(&own, &other), only_in(&other, &own)].concat();
        keys.sort();
        keys.dedup();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_keys() {
        let of = |window: &str, labels: &str| {
            Identity::of([("poll.window", window.to_owned()), ("labels", labels.to_owned())])
        };
        let own = of("15d", "a");
        assert_eq!(own.differences(of("15d", "a").as_str()), [""; 0]);
        assert_eq!(own.differences(of("16d", "a").as_str()), ["poll.window"]);
        assert_eq!(own.differences(of("16d", "b").as_str()), ["labels", "poll.window"]);
        assert_eq!(
            own.differences("labels=1 other=2 nonsense"),
            ["labels", "other", "poll.window"]
        );
        assert!(!own.as_str().contains("15d"));
    }
}
