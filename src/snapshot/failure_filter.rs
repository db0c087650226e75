//! Selection of failed records. It compares each distinct value once, and then only positions.

use super::failed::{Column, FailedRecord, FailedRecords, NO_VALUE, Value};
use records_api::record::{Status, Timestamp};

/// Matches records that have no value.
const NONE: &str = "_none";
/// Label value of pools and users beyond `labels.max_pools` and `labels.max_users`.
const OTHER: &str = "_other";

/// Conditions for failed records, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureFilter {
    /// `REC_FAILED` or `UPLOAD_FAILED`.
    pub status: Option<Status>,
    /// Type.
    pub record_type: Option<String>,
    /// Id or name of a pool.
    pub pool: Option<String>,
    /// User, in the form of the label.
    pub user: Option<String>,
    /// Id or name of a desktop.
    pub desktop: Option<String>,
    /// Whether the failure was counted.
    pub counted: Option<bool>,
    /// Earliest start of the record.
    pub from: Option<Timestamp>,
    /// Time before which the record starts.
    pub to: Option<Timestamp>,
}

/// Condition of a filter that compares a text, which may be mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCondition {
    /// [`FailureFilter::record_type`].
    Type,
    /// [`FailureFilter::pool`].
    Pool,
    /// [`FailureFilter::user`].
    User,
    /// [`FailureFilter::desktop`].
    Desktop,
}

/// Failed records of a project that match a filter.
#[derive(Debug)]
pub struct FoundFailures {
    /// Their positions in the list, the newest first.
    pub positions: Vec<usize>,
    /// Conditions that a failed record of the project fulfils, whether or not it fulfils the others. A
    /// condition that is not set is fulfilled.
    pub fulfilled: Vec<TextCondition>,
}

/// The values of a column that match; `None` without a condition.
struct Wanted(Option<Selected>);

struct Selected {
    values: Vec<bool>,
    none: bool,
}

impl Wanted {
    fn new(column: &Column, filter: Option<&str>, matches: impl Fn(&str, &Value) -> bool) -> Self {
        Self(filter.map(|filter| Selected {
            values: column.values.iter().map(|value| matches(filter, value)).collect(),
            none: filter == NONE,
        }))
    }

    fn includes(&self, value: u32) -> bool {
        self.0.as_ref().is_none_or(|selected| {
            selected.values.get(value as usize).copied().unwrap_or(selected.none)
        })
    }

    /// Returns whether a record has one of the values.
    fn is_known(&self, column: &Column) -> bool {
        self.0.as_ref().is_none_or(|selected| {
            selected.values.contains(&true) || selected.none && column.has_none
        })
    }
}

impl FailedRecords {
    /// Returns the records that match a filter.
    pub fn find(&self, filter: &FailureFilter) -> FoundFailures {
        let list = &*self.list;
        // Links from alerts contain label values, which may be truncated.
        let is =
            |filter: &str, text: &str| filter == text || filter == self.value_limit.shown(text);
        let (pool_names, desktop_names) = (self.pool_names(), self.desktop_names());
        let status = filter.status.map(Status::code);
        let statuses = Wanted::new(&list.statuses, status, |code, value| *value.text == *code);
        let types = Wanted::new(&list.types, filter.record_type.as_deref(), |filter, value| {
            is(filter, &value.text)
        });
        let pools = Wanted::new(&list.pools, filter.pool.as_deref(), |filter, value| {
            is(filter, &value.text)
                || value.is_folded && filter == OTHER
                || pool_names.get(&*value.text).is_some_and(|name| is(filter, name))
        });
        let users = Wanted::new(&list.users, filter.user.as_deref(), |filter, value| {
            let shown = self.users.shown(&value.text);
            shown.is_some_and(|user| is(filter, &user) || value.is_folded && filter == OTHER)
        });
        let desktops = Wanted::new(&list.desktops, filter.desktop.as_deref(), |filter, value| {
            is(filter, &value.text)
                || desktop_names.get(&*value.text).is_some_and(|name| is(filter, name))
        });
        let is_named = |record: &FailedRecord| self.is_named(record, filter.desktop.as_deref());
        let matches = |record: &FailedRecord| {
            statuses.includes(record.status)
                && types.includes(record.record_type)
                && pools.includes(record.pool)
                && self.includes_user(&users, record)
                && (desktops.includes(record.desktop) || is_named(record))
                && filter.counted.is_none_or(|counted| counted == record.counted)
                && filter.from.is_none_or(|from| record.start >= from)
                && filter.to.is_none_or(|to| record.start < to)
        };
        let records = list.records();
        let found = records.iter().enumerate().filter(|(_, record)| matches(record));
        let fulfilled = [
            (TextCondition::Type, types.is_known(&list.types)),
            (TextCondition::Pool, pools.is_known(&list.pools)),
            (TextCondition::User, records.iter().any(|record| self.includes_user(&users, record))),
            (
                TextCondition::Desktop,
                desktops.is_known(&list.desktops) || records.iter().any(is_named),
            ),
        ];
        let fulfilled = fulfilled.into_iter().filter(|(_, is_fulfilled)| *is_fulfilled);
        FoundFailures {
            positions: found.map(|(position, _)| position).collect(),
            fulfilled: fulfilled.map(|(condition, _)| condition).collect(),
        }
    }

    /// Returns whether the user of a record matches. A user that is not shown is none.
    fn includes_user(&self, users: &Wanted, record: &FailedRecord) -> bool {
        users.includes(if self.users.are_dropped() { NO_VALUE } else { record.user })
    }

    /// Returns whether the texts of a record name the requested desktop. It may have been renamed since,
    /// and a record of a state of an earlier format has its desktop only there.
    fn is_named(&self, record: &FailedRecord, desktop: Option<&str>) -> bool {
        let (Some(desktop), Some(details)) = (desktop, record.details.as_deref()) else {
            return false;
        };
        details.desktop_id.as_deref() == Some(desktop)
            || self.users.are_shown() && details.desktop_name.as_deref() == Some(desktop)
    }
}
