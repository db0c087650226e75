//! The flags of `backfill`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::listing::parse_moment;
use records_api::record::Timestamp;

/// The flags of `backfill`.
#[derive(Debug, Clone, Args)]
pub(super) struct BackfillFlags {
    /// Time from which records are read: RFC 3339, or a date for its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(super) start: Timestamp,

    /// Time of the last samples [default: when live counting began, or now without a state]
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(super) end: Option<Timestamp>,

    /// Time between two samples, from 1s to 1d
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_step)]
    pub(super) step: Duration,

    /// Label to add to every series, such as the job and instance of the live ones; repeatable
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    pub(super) labels: Vec<(String, String)>,

    /// Also write the series by user
    #[arg(long)]
    pub(super) users: bool,

    /// Only read this project [default: all projects of the config]
    #[arg(long, value_name = "NAME")]
    pub(super) project: Option<String>,

    /// File to write, which appears when it is complete; - is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: PathBuf,
}

fn parse_step(text: &str) -> Result<Duration, String> {
    let step = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let accepted = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    if accepted.contains(&step) && step.subsec_nanos() == 0 {
        Ok(step)
    } else {
        Err("expected whole seconds, from 1s to 1d".to_owned())
    }
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_whole_seconds() {
        assert_eq!(parse_step("5m"), Ok(Duration::from_secs(300)));
        for text in ["0s", "1500ms", "2d", "five minutes", ""] {
            assert!(parse_step(text).is_err(), "{text}");
        }
    }
}
