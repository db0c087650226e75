//! One list at a time for each project: its requests take turns with those of polls.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// Projects of which a list runs. Clones share them.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Claims(Arc<Mutex<BTreeSet<String>>>);

/// The right to list some projects, until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Claimed {
    claims: Claims,
    projects: Vec<String>,
}

impl Claims {
    /// Claims projects.
    ///
    /// # Errors
    ///
    /// Name of a project of which a list runs. None is claimed then.
    pub(super) fn claim<'p>(
        &self,
        projects: impl Iterator<Item = &'p str>,
    ) -> Result<Claimed, String> {
        let projects: Vec<_> = projects.map(str::to_owned).collect();
        let mut running = self.0.lock();
        if let Some(busy) = projects.iter().find(|project| running.contains(*project)) {
            return Err(busy.clone());
        }
        running.extend(projects.iter().cloned());
        Ok(Claimed { claims: self.clone(), projects })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let mut running = self.claims.0.lock();
        for project in &self.projects {
            running.remove(project);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_claimed_once_at_a_time() {
        let claims = Claims::default();
        let first = claims.claim(["a", "b"].into_iter()).unwrap();
        assert_eq!(claims.claim(["c", "b"].into_iter()).unwrap_err(), "b");
        let other = claims.claim(["c"].into_iter()).unwrap();
        drop(first);
        assert!(claims.claim(["a", "b"].into_iter()).is_ok());
        drop(other);
        assert!(claims.0.lock().is_empty());
    }
}
