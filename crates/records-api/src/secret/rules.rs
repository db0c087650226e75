//! Rules for the text of a secret, which apply whenever it is read.

use std::borrow::Cow;

use super::Secret;

/// Rules for the text of a secret.
#[derive(Debug, Clone, Copy)]
pub struct SecretRules {
    /// Name of the secret in messages.
    pub noun: &'static str,
    /// Description of the accepted texts.
    pub accepts: fn() -> Cow<'static, str>,
    /// True if a text is accepted that is not empty and has no invisible characters.
    pub check: fn(&str) -> bool,
    /// Spaces that are part of the secret.
    pub spaces: Spaces,
}

/// Spaces that are part of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spaces {
    /// None.
    Nowhere,
    /// Those between other characters.
    Inside,
    /// All, also at the start and at the end.
    Everywhere,
}

/// A token, or the parts of an access key: they are sent in a header.
const fn visible(noun: &'static str) -> SecretRules {
    SecretRules {
        noun,
        accepts: || Cow::from("one line of visible characters without spaces"),
        check: |text| text.bytes().all(|byte| byte.is_ascii_graphic()),
        spaces: Spaces::Nowhere,
    }
}

impl SecretRules {
    /// A token.
    pub const TOKEN: Self = visible("token");
    /// The ID of an access key.
    pub const ACCESS_KEY: Self = visible("access key");
    /// The secret of an access key.
    pub const SECRET_KEY: Self = visible("secret key");
    /// The token of a temporary access key.
    pub const SECURITY_TOKEN: Self = visible("security token");
    /// The password of a user.
    pub const PASSWORD: Self = Self {
        noun: "password",
        accepts: || Cow::from("one line of printable characters"),
        check: |_| true,
        spaces: Spaces::Everywhere,
    };

    /// Returns the secret in the text of a file or a variable. A line end after it is not part of it.
    ///
    /// # Errors
    ///
    /// A message such as `contains no token: it is empty. Accepted is ...`, to follow the name of the
    /// file or variable. It does not contain the text.
    pub fn parse(&self, text: &str) -> Result<Secret, String> {
        let text = text.trim_end_matches(['\r', '\n']);
        match self.problem(text) {
            None => Ok(Secret::from(text)),
            Some(what) => Err(self.refusal(&what)),
        }
    }

    /// True if a text without a line end is accepted.
    pub fn accepts(&self, text: &str) -> bool {
        self.problem(text).is_none()
    }

    /// Returns the message about a text that is not accepted, to follow the name of its place.
    pub(super) fn refusal(&self, what: &str) -> String {
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        format!("contains no {}{what}. Accepted is {}", self.noun, (self.accepts)())
    }

    /// Returns what is wrong with a text; an empty message if it only breaks the secret's own rule.
    fn problem(&self, text: &str) -> Option<String> {
        if text.is_empty() {
            return Some("it is empty".to_owned());
        }
        let length = text.chars().count();
        let is_wrong = |(at, c): &(usize, char)| {
            let is_inside = (1..length).contains(at) && *at < length - 1;
            is_invisible(*c)
                || c.is_whitespace()
                    && match self.spaces {
                        Spaces::Nowhere => true,
                        Spaces::Inside => !is_inside,
                        Spaces::Everywhere => false,
                    }
        };
        if let Some((at, c)) = text.chars().enumerate().find(is_wrong) {
            let place = match at {
                0 => "as its first character".to_owned(),
                at if at == length - 1 => "as its last character".to_owned(),
                at => format!("as character {}", at + 1),
            };
            return Some(format!("it has {} {place}", name(c)));
        }
        (!(self.check)(text)).then(String::new)
    }
}

/// True if a text has only characters that people can see and type, and spaces.
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(is_invisible)
}

/// True for characters that control or format the text around them and are not visible themselves.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Returns the name of an invisible character or a space.
fn name(c: char) -> String {
    let name = match c {
        '\u{feff}' => "a byte order mark",
        '\n' => "a line feed",
        '\r' => "a carriage return",
        '\t' => "a tab",
        ' ' => "a space",
        '\u{a0}' => "a no-break space",
        '\u{200b}' => "a zero width space",
        _ => "an invisible character",
    };
    format!("{name} (U+{:04X})", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH_KEY: SecretRules = SecretRules {
        noun: "key",
        accepts: || Cow::from("at least 5 characters"),
        check: |text| text.chars().count() >= 5,
        spaces: Spaces::Inside,
    };

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_without_the_secret() {
        for (rules, text, expected) in [
            (SecretRules::TOKEN, "\n\r\n", "no token: it is empty. Accepted is one line"),
            (SecretRules::TOKEN, "ab cd", "it has a space (U+0020) as character 3."),
            (SecretRules::TOKEN, "abcd\u{3000}", "(U+3000) as its last character."),
            (SecretRules::SECRET_KEY, "\u{feff}abcd", "no secret key: it has a byte order mark"),
            (SecretRules::ACCESS_KEY, "abcd\u{e9}", "contains no access key. Accepted is"),
            (SecretRules::PASSWORD, "ab\u{200b}cd", "zero width space (U+200B) as character 3."),
            (SecretRules::PASSWORD, "ab\ncd\n", "line feed (U+000A) as character 3."),
            (HASH_KEY, "abcde ", "it has a space (U+0020) as its last character."),
            (HASH_KEY, "abcd", "contains no key. Accepted is at least 5 characters"),
        ] {
            let error = rules.parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
            assert!(!error.contains("ab ") && !error.contains("abc"), "{error}");
        }
    }

    #[test]
    fn line_ends_are_not_part_of_a_secret_and_spaces_of_a_password_are() {
        for (rules, text, secret) in [
            (SecretRules::TOKEN, "abcd\r\n\n", "abcd"),
            (SecretRules::PASSWORD, " a \u{a0}b \n", " a \u{a0}b "),
            (SecretRules::PASSWORD, "\u{5bc6}\u{1f511}", "\u{5bc6}\u{1f511}"),
            (HASH_KEY, "ab cd", "ab cd"),
        ] {
            assert_eq!(rules.parse(text).unwrap().expose(), secret);
        }
    }
}
