//! The types of the keys that accept one of several words.

use super::part::choice;

choice! {
    /// A severity of log messages.
    #[expect(missing_docs, reason = "the usual names")]
    pub enum LogLevel {
        Error = "error",
        Warn = "warn",
        Info = "info",
        Debug = "debug",
        Trace = "trace",
    }
}

choice! {
    /// A format of log messages.
    #[expect(missing_docs, reason = "the usual names")]
    pub enum LogFormat {
        Logfmt = "logfmt",
        Json = "json",
    }
}

choice! {
    /// What starts a poll.
    pub enum PollMode {
        /// A scrape that finds a poll due.
        Scrape = "scrape",
        /// Time alone.
        Background = "background",
    }
}

choice! {
    /// How users are named.
    pub enum UserLabel {
        /// By their names.
        Name = "name",
        /// By a keyed hash.
        Hash = "hash",
        /// Not at all.
        Drop = "drop",
    }
}
