//! The list of failed records that a project shows, held against what polls were served.

use std::collections::{BTreeMap, BTreeSet};

use screen_records_exporter::project::Project;

use crate::harness::{Harness, failures};

/// Failed records by their id.
pub(super) type List = BTreeMap<u128, Listed>;

/// What a list shows of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub(super) status: String,
    pub(super) kind: String,
    pub(super) pool: String,
    pub(super) user: String,
    pub(super) desktop: String,
    pub(super) size: Option<i64>,
    pub(super) start: i64,
    pub(super) update: i64,
    pub(super) has_file: bool,
    pub(super) counted: bool,
}

/// What a project lists, the newest first, as is found out here.
pub(super) fn listed(harness: &Harness) -> List {
    listed_by(&harness.project)
}

/// The same of any project.
pub(super) fn listed_by(project: &Project) -> List {
    let failed = project.failed();
    let rows = failures(&failed).into_iter();
    let mut last = i64::MAX;
    let text = |text: Option<&str>| text.unwrap_or("_none").to_owned();
    let listed = rows.map(|row| {
        let start = row.start.millis();
        assert!(start <= std::mem::replace(&mut last, start), "the newest first");
        let one = Listed {
            status: row.status.to_owned(),
            kind: text(row.record_type),
            pool: text(row.pool),
            user: text(row.user.as_deref()),
            desktop: text(row.desktop_name),
            size: row.size_bytes.map(|size| i64::try_from(size).unwrap()),
            start,
            update: row.update.unwrap().millis(),
            has_file: row.file_name.is_some(),
            counted: row.counted,
        };
        (u128::from_str_radix(row.id.unwrap(), 16).unwrap(), one)
    });
    listed.collect()
}

/// Holds a list after a poll against the one before and against what the poll was `served`: what was
/// read is listed as it is, and nothing else has changed but what is not there any more.
pub(super) fn check(
    (before, after): (&List, &List),
    failed: &List,
    served: &BTreeSet<u128>,
    is_there: impl Fn(u128) -> bool,
) -> Result<(), String> {
    for (id, found) in after {
        let expected = if served.contains(id) { failed.get(id) } else { before.get(id) };
        if expected != Some(found) {
            return Err(format!("{id:x} is listed as {found:?} instead of {expected:?}"));
        }
    }
    let read = failed.keys().filter(|id| served.contains(id));
    let kept = before.keys().filter(|id| !served.contains(id) && is_there(**id));
    match read.chain(kept).find(|id| !after.contains_key(id)) {
        Some(id) => Err(format!("{id:x} is not listed though it failed: {:?}", failed.get(id))),
        None => Ok(()),
    }
}

/// Says where a list is not what it should be.
pub(super) fn same(what: &str, expected: &List, found: &List) -> Result<(), String> {
    let ids = expected.keys().chain(found.keys());
    match ids.into_iter().find(|id| expected.get(id) != found.get(id)) {
        None => Ok(()),
        Some(id) => {
            let (found, expected) = (found.get(id), expected.get(id));
            Err(format!("{what}: {id:x} is listed as {found:?} instead of {expected:?}"))
        }
    }
}
