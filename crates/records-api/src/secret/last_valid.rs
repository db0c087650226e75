//! The last valid value of secrets in files, which stays in use while the files are invalid.

use parking_lot::Mutex;

use crate::log_throttle::LogThrottle;

/// The last valid value that was read.
///
/// Secrets that belong together, such as both parts of an access key, are one value: half of a new
/// pair with half of the old one would be refused, and count as a failure of the key.
#[derive(Debug)]
pub struct LastValid<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    /// Problem with the files, if they are invalid now.
    problem: Option<String>,
    log_throttle: LogThrottle,
}

impl<T> Default for LastValid<T> {
    fn default() -> Self {
        let (problem, log_throttle) = (None, LogThrottle::default());
        Self(Mutex::new(State { value: None, problem, log_throttle }))
    }
}

impl<T: Clone> LastValid<T> {
    /// Creates one that has a valid value.
    pub fn of(value: T) -> Self {
        let this = Self::default();
        this.0.lock().value = Some(value);
        this
    }

    /// Takes what was read, and returns the value to use: if nothing valid was read, the last valid
    /// one. Logs what is wrong when it changes, and once an hour.
    ///
    /// # Errors
    ///
    /// That of `read`, if there was never a valid value.
    pub fn update(&self, read: Result<T, String>) -> Result<T, String> {
        let mut state = self.0.lock();
        match (read, state.value.clone()) {
            (Ok(value), _) => {
                state.value = Some(value.clone());
                if state.problem.take().is_some() {
                    state.log_throttle = LogThrottle::default();
                    tracing::info!("the secret in a file is valid again");
                }
                Ok(value)
            }
            (Err(what), None) => Err(what),
            (Err(what), Some(value)) => {
                if state.log_throttle.is_due(what.clone()) {
                    let remedy = "correct the file: it is read again for each use";
                    let text = "a secret is not valid, the last valid one stays in use";
                    tracing::warn!(error = what, remedy, "{text}");
                }
                state.problem = Some(what);
                Ok(value)
            }
        }
    }

    /// Returns what is wrong with the files, if the last valid value is used in their place.
    pub fn problem(&self) -> Option<String> {
        self.0.lock().problem.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_valid_value_stays_until_there_is_another() {
        let last = LastValid::default();
        let wrong = || Err("the file \"x\" is empty".to_owned());
        assert!(last.update(wrong()).is_err() && last.problem().is_none());
        assert_eq!(last.update(Ok(1)), Ok(1));
        assert_eq!(last.update(wrong()), Ok(1));
        assert_eq!(last.problem().as_deref(), Some("the file \"x\" is empty"));
        assert_eq!(last.update(Ok(2)), Ok(2));
        assert!(last.problem().is_none());
    }
}
