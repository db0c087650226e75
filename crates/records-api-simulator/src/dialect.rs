//! Readings of the API's documents: one option for each point on which they are ambiguous or
//! contradict each other.
//!
//! The defaults are the reading that the official SDK and the Chinese reference support. Every
//! combination is valid.

mod times;
pub(crate) mod vocabulary;

use clap::{Args, FromArgMatches as _, ValueEnum};

/// Interpretation of the API documents by the simulated API.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Dialect {
    /// Largest `limit` that is granted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit_max: usize,
    /// Answer to a larger `limit`
    #[arg(long, value_enum, default_value_t = OverLimit::Refuse)]
    pub limit_over: OverLimit,
    /// `limit` of a request without one
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit_default: usize,
    /// Format of times
    #[arg(long, value_enum, default_value_t = TimeFormat::IsoMillis)]
    pub times: TimeFormat,
    /// Spelling of statuses and types
    #[arg(long, value_enum, default_value_t = Vocabulary::Codes)]
    pub vocabulary: Vocabulary,
    /// Value that `start_time` is compared with
    #[arg(long, value_enum, default_value_t = StartBound::Start)]
    pub start_bound: StartBound,
    /// Value that `end_time` is compared with
    #[arg(long, value_enum, default_value_t = EndBound::Start)]
    pub end_bound: EndBound,
    /// Order of rows if the request does not ask for one
    #[arg(long, value_enum, default_value_t = DefaultOrder::Desc)]
    pub default_order: DefaultOrder,
    /// Order of rows with equal starts
    #[arg(long, value_enum, default_value_t = Ties::Stable)]
    pub ties: Ties,
    /// Effect of `sort_field` and `sort_type`
    #[arg(long, value_enum, default_value_t = SortSupport::Honoured)]
    pub sort: SortSupport,
    /// Values that the `status` filter accepts
    #[arg(long, value_enum, default_value_t = StatusFilter::Documented)]
    pub status_filter: StatusFilter,
    /// Value of `total_count`
    #[arg(long, value_enum, default_value_t = TotalCount::Right)]
    pub total_count: TotalCount,
    /// Form of the pool in a row whose record is not in a pool
    #[arg(long, value_enum, default_value_t = MissingValue::Absent)]
    pub missing_pool: MissingValue,
    /// Form of any other missing value in a row
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

/// Answer to a `limit` above the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OverLimit {
    /// Grant the largest limit instead
    Clamp,
    /// Answer with a 400
    Refuse,
}

/// Format of times.
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

/// Spelling of statuses and types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Vocabulary {
    /// `UPLOAD_COMPLETED`, `OPERATION`
    Codes,
    /// `upload completed`, `continuous screen recording`
    English,
    /// `上传完成`, `全程录屏`
    Chinese,
    /// `Uploaded` and `Continuous screen recording` as in the example, and the older
    /// `USER_OPERATION`
    Legacy,
    /// `upload_completed`, `operation`
    LowerCase,
    /// `UPLOAD COMPLETED`, `CONTINUOUS SCREEN RECORDING`: the English spelling in upper case
    UpperCase,
}

/// Value that the lower bound is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StartBound {
    /// The record starts at or after the bound
    Start,
    /// The record ends at or after the bound, or is being recorded. Others without an end count
    /// until their last update
    Interval,
    /// The record ends at or after the bound, or has no end
    End,
}

/// Value that the upper bound is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EndBound {
    /// The record starts at or before the bound
    Start,
    /// The record's interval begins at or before the bound: the same as `start`
    Interval,
    /// The record ends at or before the bound. Records without an end do not match
    End,
}

/// Order of rows if the request does not ask for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DefaultOrder {
    /// Oldest first
    Asc,
    /// Newest first
    Desc,
    /// A different order in each answer
    Shuffled,
}

/// Order of rows with equal starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ties {
    /// Always the same order
    Stable,
    /// A different order in each answer
    Unstable,
}

/// Effect of the sort parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortSupport {
    /// Rows are sorted as requested
    Honoured,
    /// The parameters are accepted without effect
    Ignored,
}

/// Values that the `status` filter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusFilter {
    /// The four documented values. The failed statuses get a 400
    Documented,
    /// All six statuses
    All,
    /// None: every value gets a 400
    Refused,
    /// Every value is accepted without effect
    Ignored,
}

/// Value of `total_count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TotalCount {
    /// The number of matching records
    Right,
    /// The field is left out
    Missing,
    /// It is null
    Null,
    /// The number of matching records plus 7
    Off,
    /// The number of rows on the page
    Page,
    /// -1
    Negative,
    /// The number of matching records as a JSON string
    Text,
}

/// Form of a missing value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingValue {
    /// The field is left out
    Absent,
    /// null
    Null,
    /// "", or 0 for numbers
    Empty,
}
