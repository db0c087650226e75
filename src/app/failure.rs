//! The reason for which a command ends without success.

use std::fmt::Display;

/// The reason for which a command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An invalid command line or config: exit code 2.
    Usage(String),
    /// A failure at run time: exit code 1.
    Run(String),
}

impl Failure {
    /// A failure at run time.
    pub(crate) fn run(what: impl Display) -> Self {
        Self::Run(what.to_string())
    }
}
