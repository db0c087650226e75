//! Labels that all series of a project have.

use crate::ledger::ValueLimit;

/// Labels of a project's series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectLabels {
    /// The label `project`.
    pub project: String,
    /// Constant labels, names and values.
    pub constant: Vec<(String, String)>,
    /// Maximum length of a label value. Values from the API are truncated where they are written. The
    /// others are as long as the config allows.
    pub value_limit: ValueLimit,
}
