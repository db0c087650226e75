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
    /// Event that starts a poll.
    pub enum PollMode {
        /// A scrape, if a poll is due.
        Scrape = "scrape",
        /// A timer.
        Background = "background",
    }
}

choice! {
    /// Form of the label `user`.
    pub enum UserLabel {
        /// Names.
        Name = "name",
        /// Keyed hashes.
        Hash = "hash",
        /// No users.
        Drop = "drop",
    }
}
