//! Removal of names that nothing shows.

use super::Ledger;
use super::cardinality::LimitedLabel;
use super::counters::Series;
use super::kept_names::KeptNames;
use super::symbols::LabelId;

impl Ledger {
    /// Returns whether it holds records and no user.
    pub(super) fn lacks_users(&self) -> bool {
        !self.table.is_empty() && self.totals.users().all(|((user, _), _)| user.is_fixed())
    }

    /// Keeps only these names from now on. Returns whether there were others. Call it while no
    /// [`Staging`](super::Staging) is in use.
    pub(super) fn keep_names(&mut self, kept: KeptNames) -> bool {
        self.kept = kept;
        let had_files = kept < KeptNames::All && self.forget_desktops_and_files();
        let had_users = !kept.has_users() && self.forget_users();
        let had_any = had_files || had_users;
        if had_any {
            self.failed_revisions.note_all();
        }
        had_any
    }

    /// Removes the names of desktops and files.
    fn forget_desktops_and_files(&mut self) -> bool {
        let had_desktops = !std::mem::take(&mut self.desktop_names).is_empty();
        self.failures.forget_file_names() || had_desktops
    }

    /// Removes the users from records, and the counters by user.
    fn forget_users(&mut self) -> bool {
        let with_user: Vec<_> =
            self.table.positions(|record| record.user != LabelId::NONE).collect();
        for position in &with_user {
            let record = self.table.at(*position);
            self.table.change(*position, |record| record.user = LabelId::NONE);
            if record.is_shown() {
                self.totals.remove(&record);
                self.totals.add(&self.table.at(*position));
            }
        }
        self.stale_reads.values_mut().for_each(|read| read.user = LabelId::NONE);
        let (counters, slots) =
            (self.counters.len(), self.slots.holders(LimitedLabel::User).count());
        self.counters.retain(|series, _| !matches!(series, Series::UserEntered(..)));
        self.holds.retain(|series| !matches!(series, Series::UserEntered(..)));
        self.slots.forget(LimitedLabel::User);
        !with_user.is_empty() || counters != self.counters.len() || slots > 0
    }
}
