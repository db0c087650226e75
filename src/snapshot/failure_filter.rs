//! Selection of failed records.

use std::collections::{BTreeSet, HashMap};

use super::failed::{FailedRecord, FailedRecords};
use crate::field_text::is_selected;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
pub struct FoundFailures<'a> {
    /// The records, the newest first.
    pub records: Vec<&'a FailedRecord>,
    /// Conditions that a failed record of the project fulfils, whether or not it fulfils the others. A
    /// condition that is not set is fulfilled.
    pub fulfilled: BTreeSet<TextCondition>,
}

/// Conditions of a filter, with what they are compared with.
struct Matcher<'a> {
    filter: &'a FailureFilter,
    of: &'a FailedRecords,
    pool_names: HashMap<&'a str, &'a str>,
    desktop_names: HashMap<&'a str, &'a str>,
    /// Whether a user matches, by the address of the name. A hash of each record's user would take time.
    users: HashMap<*const u8, bool>,
}

impl FailedRecords {
    /// Returns the records that match a filter.
    pub fn find<'a>(&'a self, filter: &'a FailureFilter) -> FoundFailures<'a> {
        let mut matcher = Matcher {
            filter,
            of: self,
            pool_names: self.pool_names(),
            desktop_names: self.desktop_names(),
            users: HashMap::new(),
        };
        let mut found = FoundFailures { records: Vec::new(), fulfilled: BTreeSet::new() };
        for record in self.list.iter() {
            let texts = [
                (TextCondition::Type, matcher.has_type(record)),
                (TextCondition::Pool, matcher.has_pool(record)),
                (TextCondition::User, matcher.has_user(record)),
                (TextCondition::Desktop, matcher.has_desktop(record)),
            ];
            let fulfilled = texts.iter().filter(|(_, is_fulfilled)| *is_fulfilled);
            found.fulfilled.extend(fulfilled.map(|(condition, _)| *condition));
            if texts.iter().all(|(_, is_fulfilled)| *is_fulfilled) && matcher.has_others(record) {
                found.records.push(record);
            }
        }
        found
    }
}

impl Matcher<'_> {
    /// Returns whether a text is the one of a filter. Links from alerts contain label values, which may be
    /// truncated.
    fn is(&self, filter: &str, text: &str) -> bool {
        is_selected(filter, text) || is_selected(filter, &self.of.value_limit.shown(text))
    }

    fn has_type(&self, record: &FailedRecord) -> bool {
        let Some(filter) = self.filter.record_type.as_deref() else { return true };
        self.is(filter, record.record_type.as_deref().unwrap_or(NONE))
    }

    fn has_pool(&self, record: &FailedRecord) -> bool {
        let Some(filter) = self.filter.pool.as_deref() else { return true };
        let pool = record.pool.as_deref().unwrap_or(NONE);
        self.is(filter, pool)
            || record.is_pool_folded && filter == OTHER
            || self.pool_names.get(pool).is_some_and(|name| self.is(filter, name))
    }

    fn has_user(&mut self, record: &FailedRecord) -> bool {
        let Some(filter) = self.filter.user.as_deref() else { return true };
        // A user that is not shown is none.
        let user = record.user.as_ref().filter(|_| !self.of.users.are_dropped());
        let Some(user) = user else { return filter == NONE };
        let address = user.as_ptr();
        let is_user = self.users.get(&address).copied().unwrap_or_else(|| {
            self.of.users.shown(user).is_some_and(|shown| self.is(filter, &shown))
        });
        self.users.insert(address, is_user);
        is_user || record.is_user_folded && filter == OTHER
    }

    fn has_desktop(&self, record: &FailedRecord) -> bool {
        let Some(filter) = self.filter.desktop.as_deref() else { return true };
        let details = record.details.as_deref();
        // A record of a state of an earlier format has its desktop only in the texts.
        let earlier = details.and_then(|details| details.desktop_id.as_deref());
        let desktop = record.desktop.as_deref().or(earlier).unwrap_or(NONE);
        // The desktop may have been renamed since.
        let name = details.filter(|_| self.of.users.are_shown());
        let name = name.and_then(|details| details.desktop_name.as_deref());
        self.is(filter, desktop)
            || name.is_some_and(|name| is_selected(filter, name))
            || self.desktop_names.get(desktop).is_some_and(|name| self.is(filter, name))
    }

    fn has_others(&self, record: &FailedRecord) -> bool {
        let filter = self.filter;
        filter.status.is_none_or(|status| record.status == status.into())
            && filter.counted.is_none_or(|counted| counted == record.counted)
            && filter.from.is_none_or(|from| record.start >= from)
            && filter.to.is_none_or(|to| record.start < to)
    }
}
