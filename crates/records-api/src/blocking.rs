//! Runs what blocks a thread.

use std::future::{Future, pending};

use tokio::task::spawn_blocking;

/// The work panicked, which is logged.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted by a panic")]
pub struct Panicked;

/// Runs work in a thread that may block.
///
/// If the runtime shuts down before the work begins, the future never completes. Its task is about to be
/// dropped, and an error would be reported as a failure of the work.
///
/// # Errors
///
/// [`Panicked`] if the work panicked.
pub fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Panicked>> + Send {
    let work = spawn_blocking(work);
    async move {
        match work.await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => Err(Panicked),
            Err(_) => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[tokio::test]
    async fn work_has_a_result_or_panics() {
        assert_eq!(run_blocking(|| 7).await.unwrap(), 7);
        let panicked = run_blocking(|| panic!("on purpose")).await;
        assert_eq!(panicked.unwrap_err().to_string(), "interrupted by a panic");
    }

    #[test]
    fn work_that_a_shutdown_cancels_reports_nothing() {
        let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build();
        let runtime = runtime.unwrap();
        let results = Arc::new(Mutex::new(Vec::new()));
        let (begun, is_begun) = std::sync::mpsc::channel();
        let reported = results.clone();
        runtime.spawn(async move {
            // The only thread is busy, so the second work waits.
            let first = run_blocking(|| std::thread::park_timeout(Duration::from_millis(300)));
            let second = run_blocking(|| ());
            begun.send(()).unwrap();
            let is_ok = second.await.is_ok();
            reported.lock().unwrap().push(is_ok);
            first.await.unwrap();
        });
        is_begun.recv().unwrap();
        runtime.shutdown_timeout(Duration::from_secs(10));
        assert!(results.lock().unwrap().iter().all(|is_ok| *is_ok));
    }
}
