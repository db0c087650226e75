//! The sources of a config: the file, variables and flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::document::{parse_toml, read_file};
use super::keys::KEYS;
use super::kind::Kind;
use super::node::{Node, Value};
use super::problem::{ConfigError, Place};
use super::reader::{Given, Reader};
use super::schema::Schema;
use super::variables::{add_variables, misnamed};

/// Everything that a config is read from. Nothing else is read: the environment comes in here.
#[derive(Clone, Default)]
pub struct Sources {
    /// The config file; without one, the defaults and the other sources.
    pub file: Option<PathBuf>,
    /// The environment, of which only `SCREEN_RECORDS_EXPORTER__...`, the variables that `_env` keys
    /// name, those in the table of keys and `HOME` are read.
    pub environment: BTreeMap<String, String>,
    /// Values from the command line.
    pub flags: Flags,
    /// True if a config without projects is an error.
    pub needs_projects: bool,
}

/// Values from the command line: the path of the key, the flag, the values.
pub type Flags = Vec<(&'static str, &'static str, Vec<String>)>;

/// The config file that is read if the command line names none and this one exists.
pub const DEFAULT_FILE: &str = "config.toml";

const SCHEMA: Schema = Schema(KEYS);

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only the names of the environment: values may be secrets.
        formatter
            .debug_struct("Sources")
            .field("file", &self.file)
            .field("environment", &self.environment.keys())
            .field("flags", &self.flags)
            .field("needs_projects", &self.needs_projects)
            .finish()
    }
}

impl Sources {
    /// A reader with all values. A later source overrides an earlier one.
    pub(super) fn reader(&self) -> Result<Reader<'_>, ConfigError> {
        let mut reader = Reader::new(SCHEMA, &self.environment);
        if let Some(path) = &self.file {
            let text = read_file(path, "--config.file");
            let place = Place::of(path.display().to_string());
            let root = text.and_then(|text| parse_toml(&text, &place));
            reader.add_file(&place, &root.map_err(|problem| ConfigError(vec![problem]))?);
        }
        add_variables(&self.environment, &mut reader);
        self.add_flags(&mut reader);
        Ok(reader)
    }

    /// The variables that have no effect because their levels are separated by a single underscore: each
    /// with the name that was meant.
    pub fn misnamed_variables(&self) -> Vec<(&str, String)> {
        misnamed(&self.environment)
    }

    fn add_flags(&self, reader: &mut Reader<'_>) {
        for (key, flag, texts) in &self.flags {
            let text = |text: &String| Value::Text(text.clone());
            let value = match (SCHEMA.exactly(key).map(|key| key.kind), texts.as_slice()) {
                (Some(Kind::List { .. }), texts) => {
                    let node = |value| Node { line: None, value };
                    Value::List(texts.iter().map(text).map(node).collect())
                }
                (_, texts) => texts.last().map_or(Value::Nothing, text),
            };
            reader.add(key, Given { place: Place::of(*flag), value });
        }
    }
}
