//! Parts of a config: values and sections, each of which is read at its path and shown under its
//! name. The names of a section's fields are the names of its keys.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;
use url::Url;

use super::kind::Typed;
use super::listen_address::ListenAddress;
use super::reader::{Read, Reader};
use super::units::{Bytes, show_duration};
use records_api::secret::Source;

/// A part of a config.
pub(crate) trait Part: Sized {
    /// Reads the part at a path. A stand-in is returned in place of what is refused or missing: the
    /// error is noted.
    fn read(reader: &mut Reader<'_>, path: &str) -> Self;

    /// Its entry in TOML, if it has one. Secrets are redacted.
    fn show(&self, name: &str) -> Option<(String, Value)>;
}

/// The fields of a section.
pub(crate) trait Section: Sized {
    /// Reads every field at its key.
    fn read_fields(reader: &mut Reader<'_>, path: &str) -> Self;

    /// The keys with their values, secrets redacted.
    fn show_fields(&self) -> toml::Table;
}

/// A part that is a single value, which may be absent.
pub(crate) trait Single: Sized {
    /// Stands in for a value that is refused or missing.
    fn stand_in() -> Self;
    fn read(reader: &mut Reader<'_>, path: &str) -> Read<Self>;
    fn show(&self, name: &str) -> (String, Value);
}

impl<T: Single> Part for T {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        match T::read(reader, path) {
            Read::Accepted(value) => value,
            Read::Refused => T::stand_in(),
            Read::Absent => {
                reader.miss(path);
                T::stand_in()
            }
        }
    }

    fn show(&self, name: &str) -> Option<(String, Value)> {
        Some(Single::show(self, name))
    }
}

impl<T: Single> Part for Option<T> {
    fn read(reader: &mut Reader<'_>, path: &str) -> Self {
        match T::read(reader, path) {
            Read::Accepted(value) => Some(value),
            Read::Refused | Read::Absent => None,
        }
    }

    fn show(&self, name: &str) -> Option<(String, Value)> {
        self.as_ref().map(|value| Single::show(value, name))
    }
}

/// Implements [`Single`] for a type: from what the table of keys accepts, and to TOML.
macro_rules! single {
    ($type:ty, $accepted:pat => $value:expr, $to_toml:expr, $stand_in:expr) => {
        impl $crate::config::part::Single for $type {
            fn stand_in() -> Self {
                $stand_in
            }

            fn read(
                reader: &mut $crate::config::reader::Reader<'_>,
                path: &str,
            ) -> $crate::config::reader::Read<Self> {
                use $crate::config::reader::Read;
                match reader.read(path) {
                    Read::Accepted($accepted) => Read::Accepted($value),
                    Read::Accepted(_) => panic!("{path} has another type in the table of keys"),
                    Read::Absent => Read::Absent,
                    Read::Refused => Read::Refused,
                }
            }

            fn show(&self, name: &str) -> (String, toml::Value) {
                let to_toml: fn(&Self) -> toml::Value = $to_toml;
                (name.to_owned(), to_toml(self))
            }
        }
    };
}

/// Defines an enum of the words that a key accepts.
macro_rules! choice {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$of_word:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of_word])* $variant,)+
        }

        impl $name {
            const ALL: &[Self] = &[$(Self::$variant,)+];
            /// The words.
            pub const NAMES: &[&str] = &[$($word,)+];

            /// Its word.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            fn named(word: &str) -> Self {
                let named = Self::ALL.iter().find(|choice| choice.name() == word);
                *named.expect("the table of keys accepts only these words")
            }
        }

        $crate::config::part::single!(
            $name,
            $crate::config::kind::Typed::Text(word) => Self::named(&word),
            |choice| choice.name().into(),
            Self::ALL[0]
        );
    };
}

/// Defines a section: a struct whose fields are parts, with the names of their keys.
macro_rules! section {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$of_field:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$of_field])* pub $field: $type,)+
        }

        impl $crate::config::part::Section for $name {
            fn read_fields(reader: &mut $crate::config::reader::Reader<'_>, path: &str) -> Self {
                use $crate::config::part::{Part, key_of};
                use $crate::config::reader::join;
                Self { $($field: Part::read(reader, &join(path, key_of(stringify!($field)))),)+ }
            }

            fn show_fields(&self) -> toml::Table {
                use $crate::config::part::{Part, key_of};
                let fields = [$(Part::show(&self.$field, key_of(stringify!($field))),)+];
                fields.into_iter().flatten().collect()
            }
        }
    };
}

/// Makes a section a part that is read without more ado, and shown unless it is empty.
macro_rules! plain_part {
    ($($name:ty),+) => {$(
        impl $crate::config::part::Part for $name {
            fn read(reader: &mut $crate::config::reader::Reader<'_>, path: &str) -> Self {
                $crate::config::part::Section::read_fields(reader, path)
            }

            fn show(&self, name: &str) -> Option<(String, toml::Value)> {
                let shown = $crate::config::part::Section::show_fields(self);
                (!shown.is_empty()).then(|| (name.to_owned(), toml::Value::Table(shown)))
            }
        }
    )+};
}

pub(crate) use {choice, plain_part, section, single};

/// The key of a field: `r#type` is `type`.
pub(crate) fn key_of(field: &'static str) -> &'static str {
    field.trim_start_matches("r#")
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Integer(number.try_into().unwrap_or(i64::MAX))
}

fn path(path: &std::path::Path) -> Value {
    path.display().to_string().into()
}

single!(bool, Typed::Flag(flag) => flag, |flag| (*flag).into(), false);
single!(u32, Typed::Integer(n) => u32::try_from(n).unwrap_or(u32::MAX), |n| number(*n), 1);
single!(usize, Typed::Integer(n) => usize::try_from(n).unwrap_or(usize::MAX), |n| number(*n), 1);
single!(f64, Typed::Number(n) => n, |n| (*n).into(), 1.0);
single!(Duration, Typed::Duration(d) => d, |d| show_duration(*d).into(), Self::from_secs(1));
single!(Bytes, Typed::Size(size) => size, |size| size.to_string().into(), Self::kibibytes(1));
single!(String, Typed::Text(text) => text, |text| text.clone().into(), Self::new());
single!(PathBuf, Typed::Path(file) => file, |file| path(file), Self::new());
single!(Vec<String>, Typed::List(list) => list, |list| list.clone().into(), Self::new());
single!(
    Vec<ListenAddress>,
    Typed::List(list) => list.iter().filter_map(|text| ListenAddress::parse(text)).collect(),
    |list| list.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
    Self::new()
);
single!(
    Url,
    Typed::Url(url) => url,
    // Paths are appended to it.
    |url| url.as_str().trim_end_matches('/').into(),
    Self::parse("https://invalid.invalid").expect("a valid URL")
);

impl Single for Source {
    fn stand_in() -> Self {
        Self::Value("".into())
    }

    fn read(reader: &mut Reader<'_>, path: &str) -> Read<Self> {
        reader.read_secret(path)
    }

    /// The content of a variable is a value by now.
    fn show(&self, name: &str) -> (String, Value) {
        match self {
            Self::Value(secret) => (name.to_owned(), secret.to_string().into()),
            Self::File(file) => (format!("{name}_file"), path(file.path())),
        }
    }
}
