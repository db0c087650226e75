//! Command-line flags of the simulator. The comment of each field is its `--help` text.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, FromArgMatches as _};

use crate::{
    access::AccessOptions,
    dialect::Dialect,
    faults::{Fault, help::FAULTS, syntax::share},
    time,
    world::{self, directory::DirectorySizes, lifecycle::LifecycleSettings},
};

/// The options of a simulator.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Options {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10048")]
    pub listen: SocketAddr,
    /// Number of records at the start
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub records: usize,
    /// Seed of the random numbers. The same seed and options give the same history
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Changes per second from the start on: new recordings, and everything that happens to them.
    /// With 0, nothing changes
    #[arg(long, value_name = "CHANGES_PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    pub live: f64,
    /// Time before the start over which the first records are spread
    #[arg(long, value_name = "DURATION", default_value = "15d",
          value_parser = humantime::parse_duration)]
    pub window: Duration,
    /// Number of desktops. One in five is not in a pool
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub desktops: u32,
    /// Number of users
    #[arg(long, value_name = "N", default_value_t = 150)]
    pub users: u32,
    /// Number of desktop pools
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub pools: u32,
    /// Number of buckets. One desktop in eleven uploads to an SFTP server instead
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub buckets: u32,
    /// Number of recording policies. One desktop in thirteen makes records without one
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub policies: u32,
    /// Give users, desktops, pools, buckets and policies names with quotes, newlines, HTML and Unicode
    #[arg(long)]
    pub hostile_names: bool,
    /// Length of a recording
    #[arg(long, value_name = "DURATION", default_value = "10m",
          value_parser = humantime::parse_duration)]
    pub recording_length: Duration,
    /// Average duration of an upload
    #[arg(long, value_name = "DURATION", default_value = "6m",
          value_parser = humantime::parse_duration)]
    pub upload_time: Duration,
    /// Share of recordings, and of uploads, that fail
    #[arg(long, value_name = "SHARE", default_value_t = 0.015, value_parser = share)]
    pub failure_share: f64,
    /// Share of records with an undocumented or missing status or type, or without a user
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub odd_share: f64,
    /// Number of recordings that start at exactly 09:00:00 each day
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub burst: u32,
    /// Minimum time that every answer takes
    #[arg(long, value_name = "DURATION", default_value = "0s",
          value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// Maximum random time added to the latency
    #[arg(long, value_name = "DURATION", default_value = "0s",
          value_parser = humantime::parse_duration)]
    pub latency_jitter: Duration,
    /// Time by which the simulator's clock is ahead of this machine's clock
    #[arg(long, value_name = "DURATION", default_value = "0s",
          value_parser = humantime::parse_duration)]
    pub clock_ahead: Duration,
    /// Time by which the simulator's clock is behind this machine's clock
    #[arg(long, value_name = "DURATION", default_value = "0s",
          value_parser = humantime::parse_duration, conflicts_with = "clock_ahead")]
    pub clock_behind: Duration,
    /// Token accepted in X-Auth-Token. If any credential is configured (a token, an access key, an
    /// IAM user or an agency), requests need a valid one
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// The only project that exists. If not set, every project has the same records
    #[arg(long, value_name = "ID")]
    pub project_id: Option<String>,
    /// Maximum requests per second. Further requests get a 429
    #[arg(long, value_name = "N")]
    pub rate_limit: Option<u32>,
    /// Answer the list of desktop pools with a 403
    #[arg(long)]
    pub forbid_pools: bool,
    /// Add a fault, such as `status=503,rate=0.05` or `kind=html,after=3,times=1`. Repeatable;
    /// --help lists all faults
    #[arg(long = "fault", value_name = "FAULT", long_help = FAULTS)]
    pub faults: Vec<Fault>,
    /// Valid credentials
    #[command(flatten)]
    pub access: AccessOptions,
    /// Interpretation of the API documents
    #[command(flatten)]
    pub dialect: Dialect,
}

impl Options {
    /// Returns the settings of the world.
    pub(super) fn world(&self) -> world::Settings {
        world::Settings {
            seed: self.seed,
            records: self.records,
            live: self.live,
            window: time::duration_millis(self.window).max(1),
            directory: DirectorySizes {
                desktops: self.desktops,
                users: self.users,
                pools: self.pools,
                buckets: self.buckets,
                policies: self.policies,
            },
            hostile_names: self.hostile_names,
            lifecycle: LifecycleSettings {
                recording_length: time::duration_millis(self.recording_length),
                upload_time: time::duration_millis(self.upload_time).max(1),
                failure_share: self.failure_share,
            },
            burst: self.burst,
            odd_share: self.odd_share.clamp(0.0, 1.0),
        }
    }

    /// Returns by how many milliseconds the clock is ahead; negative if it is behind.
    pub(super) fn skew(&self) -> i64 {
        time::duration_millis(self.clock_ahead)
            .saturating_sub(time::duration_millis(self.clock_behind))
    }
}

impl Default for Options {
    fn default() -> Self {
        let command = Self::augment_args(clap::Command::new("simulate"));
        command
            .try_get_matches_from(["simulate"])
            .and_then(|matches| Self::from_arg_matches(&matches))
            .expect("every option has a default or may be left out")
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(rate),
        _ => Err("expected a number, 0 or more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let command = Options::augment_args(clap::Command::new("simulate").no_binary_name(true));
        Options::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn the_defaults_are_those_of_the_help() {
        let options = Options::default();
        assert_eq!((options.records, options.window.as_secs()), (10_000, 15 * 86_400));
        assert_eq!(options.listen.to_string(), "127.0.0.1:10048");
        assert_eq!(options, parse(&[]).unwrap());
    }

    #[test]
    fn dialects_and_faults_are_flags() {
        let options = parse(&[
            "--limit-max",
            "100",
            "--limit-over=clamp",
            "--vocabulary=lower-case",
            "--fault",
            "status=503,rate=0.05",
            "--fault",
            "kind=html,after=3,times=1",
        ])
        .unwrap();
        assert_eq!(options.dialect.limit_max, 100);
        assert_eq!(options.faults.len(), 2);
    }

    #[test]
    fn credential_flags_require_each_other_and_clock_flags_conflict() {
        let options = parse(&[
            "--access-key=AK",
            "--secret-key=SK",
            "--token-bytes=40000",
            "--imds=v1",
            "--clock-behind=20m",
        ])
        .unwrap();
        assert_eq!(options.access.access_key.as_deref(), Some("AK"));
        assert_eq!((options.access.token_bytes, options.skew()), (40_000, -1_200_000));
        assert!(parse(&["--access-key=AK"]).is_err());
        assert!(parse(&["--security-token=T"]).is_err());
        assert!(parse(&["--iam-user=U", "--iam-password=P"]).is_err());
        assert!(parse(&["--token-bytes=8"]).is_err());
        assert!(parse(&["--clock-ahead=1m", "--clock-behind=1m"]).is_err());
    }

    #[test]
    fn shares_and_rates_out_of_range_are_refused() {
        assert!(parse(&["--failure-share", "1.5"]).is_err());
        assert!(parse(&["--live=-1"]).is_err());
        assert!(parse(&["--live=inf"]).is_err());
    }
}
