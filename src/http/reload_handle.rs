//! Requests to reload the config. Those that arrive while a reload runs, or before the next one may begin,
//! share the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

/// Requests reloads of the config.
#[derive(Debug, Clone)]
pub struct ReloadHandle {
    shared: Arc<Shared>,
    last: watch::Receiver<Reload>,
}

/// Receives the requests of the handles, and answers them.
#[derive(Debug)]
pub struct ReloadRequests {
    shared: Arc<Shared>,
    last: watch::Sender<Reload>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Number of reloads that have begun.
    begun: AtomicU64,
    requested: Notify,
}

/// A finished reload.
#[derive(Debug)]
struct Reload {
    number: u64,
    /// The reason if it failed.
    result: Result<(), String>,
}

impl ReloadHandle {
    /// Creates a handle and the receiver of its requests.
    pub fn new() -> (Self, ReloadRequests) {
        let shared = Arc::<Shared>::default();
        let (sender, last) = watch::channel(Reload { number: 0, result: Ok(()) });
        (Self { shared: shared.clone(), last }, ReloadRequests { shared, last: sender })
    }

    /// Waits for a reload that begins from now on, and returns its result.
    pub(super) async fn reload(&self) -> Result<(), String> {
        // One that has begun may have read the config before the client changed it.
        let begun = self.shared.begun.load(Ordering::SeqCst);
        self.shared.requested.notify_one();
        let mut last = self.last.clone();
        match last.wait_for(|last| last.number > begun).await {
            Ok(reload) => reload.result.clone(),
            Err(_) => Err("the process is shutting down".to_owned()),
        }
    }
}

impl ReloadRequests {
    /// Waits for a request.
    pub async fn requested(&self) {
        self.shared.requested.notified().await;
    }

    /// Begins a reload, which answers all requests until now.
    pub fn begin(&self) {
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends the reload that has begun, and answers its requests.
    pub fn end(&self, result: Result<(), String>) {
        let number = self.shared.begun.load(Ordering::SeqCst);
        self.last.send_replace(Reload { number, result });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use tokio::task::yield_now;

    #[tokio::test]
    async fn a_request_gets_the_result_of_a_reload_that_began_after_it() {
        let (handle, requests) = ReloadHandle::new();
        let request = || {
            let handle = handle.clone();
            tokio::spawn(async move { handle.reload().await })
        };
        let first = request();
        requests.requested().await;
        requests.begin();
        let (second, third) = (request(), request());
        yield_now().await;
        requests.end(Ok(()));
        assert_eq!(first.await.unwrap(), Ok(()));
        assert!(!second.is_finished() && !third.is_finished());
        requests.requested().await;
        requests.begin();
        requests.end(Err("why".to_owned()));
        for request in [second, third] {
            assert_eq!(request.await.unwrap(), Err("why".to_owned()), "they share a reload");
        }
        let last = request();
        yield_now().await;
        drop(requests);
        assert!(last.await.unwrap().unwrap_err().contains("shutting down"));
    }
}
