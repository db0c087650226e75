//! Names of desktops for people, as far as a poll has read them.
//!
//! A desktop may get another name. The one of its newest record counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Ledger;
use super::new_symbols::Assignment;
use super::symbols::{LabelId, truncate};
use records_api::record::Timestamp;

/// Names of desktops that a poll has read, each with the start of its record.
#[derive(Debug, Default)]
pub(super) struct DesktopNames(HashMap<LabelId, (Timestamp, Box<str>)>);

impl DesktopNames {
    /// Adds the name in a record that started at `start`. Of equal starts the later read counts.
    pub(super) fn add(&mut self, desktop: LabelId, start: Timestamp, name: &str) {
        let name = truncate(name);
        match self.0.entry(desktop) {
            Entry::Vacant(vacant) => {
                vacant.insert((start, name.into()));
            }
            Entry::Occupied(mut newest) if newest.get().0 <= start => {
                let newest = newest.get_mut();
                newest.0 = start;
                // A copy of the name for each record would cost more than the record.
                if *newest.1 != *name {
                    newest.1 = name.into();
                }
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Adds the names of another staging of the same poll, whose desktops have other numbers.
    pub(super) fn merge(&mut self, other: Self, number: impl Fn(u32) -> u32) {
        for (desktop, (start, name)) in other.0 {
            self.add(LabelId::from_number(number(desktop.number())), start, &name);
        }
    }
}

impl Ledger {
    /// Returns the names that differ from the known ones. `labels` are the final numbers of the desktops.
    pub(super) fn changed_desktop_names(
        &self,
        names: DesktopNames,
        labels: &Assignment,
    ) -> Vec<(LabelId, Box<str>)> {
        let names = names.0.into_iter().filter_map(|(desktop, (_, name))| {
            // A later page may have replaced the record by one of another desktop.
            let desktop = LabelId::from_number(labels.assigned(desktop.number())?);
            (!desktop.is_fixed() && self.desktop_name(desktop) != Some(&*name))
                .then_some((desktop, name))
        });
        let mut names: Vec<_> = names.collect();
        // The order of a map differs in each process, and equal polls should write equal journals.
        names.sort_unstable();
        names
    }
}
