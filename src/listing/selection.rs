//! Conditions on the records of a list. Those that the API supports are sent to it, too.

use std::borrow::Cow;

use records_api::RecordsFilter;
use records_api::record::{Record, RecordType, Status, Term, Text};

/// Selects records without a value.
pub const NONE: &str = "_none";
/// Statuses that the API documents for its filter.
const FILTERED_STATUSES: [Status; 4] =
    [Status::Recording, Status::RecCompleted, Status::Uploading, Status::UploadCompleted];

/// Conditions on records; a record must meet all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Name of the user.
    pub user: Option<String>,
    /// ID or name of the desktop.
    pub desktop: Option<String>,
    /// ID of the desktop.
    pub desktop_id: Option<String>,
    /// ID or name of the pool.
    pub pool: Option<String>,
    /// IDs of the pools with this name.
    pub pool_ids: Vec<String>,
    /// The status.
    pub status: Option<Status>,
    /// The type.
    pub record_type: Option<RecordType>,
    /// The OBS bucket.
    pub bucket: Option<String>,
    /// ID of the policy.
    pub policy: Option<String>,
}

impl Selection {
    /// Returns whether a record meets all conditions.
    pub fn matches(&self, record: &Record<'_>) -> bool {
        is(self.user.as_ref(), &record.username)
            && (is(self.desktop.as_ref(), &record.desktop_id)
                || is(self.desktop.as_ref(), &record.desktop_name))
            && is(self.desktop_id.as_ref(), &record.desktop_id)
            && self.matches_pool(record.desktop_pool_id.as_deref())
            && self.status.is_none_or(|status| record.status == Term::Known(status))
            && self.record_type.is_none_or(|kind| record.record_type == Term::Known(kind))
            && is(self.bucket.as_ref(), &record.obs_bucket)
            && is(self.policy.as_ref(), &record.policy_id)
    }

    fn matches_pool(&self, pool: Option<&str>) -> bool {
        self.pool.as_deref().is_none_or(|wanted| wanted == pool.unwrap_or(NONE))
            || pool.is_some_and(|pool| self.pool_ids.iter().any(|id| id == pool))
    }

    /// Returns the conditions to send to the API, which include those of the project; `None` if no
    /// record can meet both. The desktop is left out: nothing shows whether it is an id or a name.
    pub fn filter(&self, project: &RecordsFilter) -> Option<RecordsFilter> {
        let sent = |value: &Option<String>| value.clone().filter(|value| value != NONE);
        let status = self.status.filter(|status| FILTERED_STATUSES.contains(status));
        let excludes = differ(self.user.as_ref(), project.username.as_ref())
            || differ(self.desktop_id.as_ref(), project.desktop_id.as_ref())
            || differ(self.status.as_ref(), project.status.as_ref())
            || differ(self.record_type.as_ref(), project.record_type.as_ref());
        (!excludes).then(|| RecordsFilter {
            desktop_id: sent(&self.desktop_id).or_else(|| project.desktop_id.clone()),
            username: sent(&self.user).or_else(|| project.username.clone()),
            status: status.or(project.status),
            record_type: self.record_type.or(project.record_type),
            ..project.clone()
        })
    }
}

fn is(wanted: Option<&String>, value: &Text<'_>) -> bool {
    wanted.is_none_or(|wanted| wanted == value.as_deref().unwrap_or(NONE))
}

fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Removes the names of a record that may identify a person: of desktops and files, and unless
/// `shown` returns another form, of the user.
pub fn hide_names(record: &mut Record<'_>, shown: impl FnOnce(&str) -> Option<String>) {
    record.username = record.username.take().and_then(|name| shown(&name)).map(Cow::Owned);
    record.desktop_name = None;
    record.file_directory = None;
    record.video_filename = None;
    record.event_filename = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use records_api::record::Timestamp;

    fn record() -> Record<'static> {
        let mut record = Record::new("r", Timestamp::from_millis(1_700_000_000_000));
        record.username = Some("sara".into());
        record.desktop_id = Some("d-1".into());
        record.desktop_name = Some("pc 1".into());
        record.desktop_pool_id = Some("p-1".into());
        record.status = Term::Known(Status::UploadFailed);
        record
    }

    #[test]
    fn every_condition_selects() {
        let some = |text: &str| Some(text.to_owned());
        let all = Selection::default();
        for (selection, matches) in [
            (all.clone(), true),
            (Selection { user: some("sara"), ..all.clone() }, true),
            (Selection { user: some("Sara"), ..all.clone() }, false),
            (Selection { user: some("_none"), ..all.clone() }, false),
            (Selection { desktop: some("d-1"), ..all.clone() }, true),
            (Selection { desktop: some("pc 1"), ..all.clone() }, true),
            (Selection { desktop: some("pc 2"), ..all.clone() }, false),
            (Selection { pool: some("p-1"), ..all.clone() }, true),
            (Selection { pool: some("pool"), ..all.clone() }, false),
            (Selection { pool: some("x"), pool_ids: vec!["p-1".into()], ..all.clone() }, true),
            (Selection { status: Some(Status::UploadFailed), ..all.clone() }, true),
            (Selection { status: Some(Status::Recording), ..all.clone() }, false),
            (Selection { record_type: Some(RecordType::Full), ..all.clone() }, false),
            (Selection { bucket: some("_none"), ..all.clone() }, true),
            (Selection { policy: some("x"), ..all }, false),
        ] {
            assert_eq!(selection.matches(&record()), matches, "{selection:?}");
        }
    }

    #[test]
    fn only_documented_conditions_are_sent_and_contradictions_select_nothing() {
        let project = RecordsFilter { username: Some("a".into()), ..RecordsFilter::default() };
        let selection = Selection { status: Some(Status::RecFailed), ..Selection::default() };
        assert_eq!(selection.filter(&project), Some(project.clone()));
        let selection = Selection { status: Some(Status::Uploading), ..Selection::default() };
        assert_eq!(selection.filter(&project).unwrap().status, Some(Status::Uploading));
        let selection = Selection { user: Some("b".into()), ..Selection::default() };
        assert_eq!(selection.filter(&project), None);
        assert_eq!(
            selection.filter(&RecordsFilter::default()).unwrap().username.as_deref(),
            Some("b")
        );
        let selection = Selection { user: Some(NONE.into()), ..Selection::default() };
        assert_eq!(selection.filter(&RecordsFilter::default()), Some(RecordsFilter::default()));
    }
}
