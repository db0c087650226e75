//! The readings of the API's documents: one option for each point that they leave open or on which
//! they contradict each other.
//!
//! The defaults are the reading that the official SDK and the Chinese reference support. Every
//! combination is valid.

mod times;
pub(crate) mod vocabulary;

use clap::{Args, FromArgMatches as _, ValueEnum};

/// How the simulated API reads its own documents.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Dialect {
    /// The largest `limit` that is granted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit_max: usize,
    /// What happens to a larger `limit`
    #[arg(long, value_enum, default_value_t = OverLimit::Refuse)]
    pub limit_over: OverLimit,
    /// The `limit` of a request that gives none
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit_default: usize,
    /// How times are written
    #[arg(long, value_enum, default_value_t = TimeFormat::IsoMillis)]
    pub times: TimeFormat,
    /// How statuses and types are written
    #[arg(long, value_enum, default_value_t = Vocabulary::Codes)]
    pub vocabulary: Vocabulary,
    /// What `start_time` is compared with
    #[arg(long, value_enum, default_value_t = StartBound::Start)]
    pub start_bound: StartBound,
    /// What `end_time` is compared with
    #[arg(long, value_enum, default_value_t = EndBound::Start)]
    pub end_bound: EndBound,
    /// The order of rows when no sort is asked for
    #[arg(long, value_enum, default_value_t = DefaultOrder::Desc)]
    pub default_order: DefaultOrder,
    /// The order among rows of equal start
    #[arg(long, value_enum, default_value_t = Ties::Stable)]
    pub ties: Ties,
    /// Whether `sort_field` and `sort_type` work
    #[arg(long, value_enum, default_value_t = SortSupport::Honoured)]
    pub sort: SortSupport,
    /// What the `status` filter understands
    #[arg(long, value_enum, default_value_t = StatusFilter::Documented)]
    pub status_filter: StatusFilter,
    /// What `total_count` says
    #[arg(long, value_enum, default_value_t = TotalCount::Right)]
    pub total_count: TotalCount,
    /// How a record without a pool shows it
    #[arg(long, value_enum, default_value_t = MissingValue::Absent)]
    pub missing_pool: MissingValue,
    /// How any other field without a value is shown
    #[arg(long, value_enum, default_value_t = MissingValue::Absent)]
    pub missing: MissingValue,
}

impl Default for Dialect {
    fn default() -> Self {
        let command = Self::augment_args(clap::Command::new("dialect").no_binary_name(true));
        command
            .try_get_matches_from([""; 0])
            .and_then(|matches| Self::from_arg_matches(&matches))
            .expect("every option of the dialect has a default")
    }
}

/// What happens to a `limit` above the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OverLimit {
    /// The largest is granted instead
    Clamp,
    /// 400
    Refuse,
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TimeFormat {
    /// 2024-10-15T10:04:41.263Z
    IsoMillis,
    /// 2024-10-15T10:04:41Z
    IsoSeconds,
    /// 2024-10-15 10:04:41
    Space,
    /// 2024-10-15T10:04:41:263000Z
    Colon,
    /// 1728986681263
    EpochMillis,
    /// 2024-10-15T10:04:41.263000000Z
    IsoNanos,
    /// 2024-10-15T18:04:41.263+08:00
    IsoOffset,
}

/// How statuses and types are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Vocabulary {
    /// `UPLOAD_COMPLETED`, `OPERATION`
    Codes,
    /// `upload completed`, `continuous screen recording`
    English,
    /// `上传完成`, `全程录屏`
    Chinese,
    /// `Uploaded` and `Continuous screen recording` of the example, `USER_OPERATION` of old
    Legacy,
    /// `upload_completed`, `operation`
    LowerCase,
    /// `UPLOAD COMPLETED`, `CONTINUOUS SCREEN RECORDING`: the English words
    UpperCase,
}

/// What the lower bound is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StartBound {
    /// The record's start is at or after it
    Start,
    /// The record ends at or after it or is being recorded; one without an end counts until its
    /// last update
    Interval,
    /// The record ends at or after it or has no end
    End,
}

/// What the upper bound is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EndBound {
    /// The record starts at or before it
    Start,
    /// The record's interval reaches before it: the same as `start`
    Interval,
    /// The record ends at or before it; one without an end does not
    End,
}

/// The order when none is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DefaultOrder {
    /// Oldest first
    Asc,
    /// Newest first
    Desc,
    /// Another order in each answer
    Shuffled,
}

/// The order among equal starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ties {
    /// Always the same
    Stable,
    /// Another in each answer
    Unstable,
}

/// Whether a parameter works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortSupport {
    /// It works
    Honoured,
    /// It is accepted and does nothing
    Ignored,
}

/// What the status filter understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusFilter {
    /// The four documented values; 400 for the failed states
    Documented,
    /// All six
    All,
    /// 400 for every value
    Refused,
    /// Accepted and without effect
    Ignored,
}

/// What `total_count` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TotalCount {
    /// The number of matching records
    Right,
    /// It is absent
    Missing,
    /// It is null
    Null,
    /// Always 7 too many
    Off,
    /// The number of rows on the page
    Page,
    /// -1
    Negative,
    /// The number of matching records as a JSON string
    Text,
}

/// How a value that does not exist is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingValue {
    /// The field is left out
    Absent,
    /// null
    Null,
    /// "", and 0 for numbers
    Empty,
}
