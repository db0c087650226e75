//! Checks of passwords.
//!
//! A hash takes a tenth of a second of a whole core, on purpose. So a few threads compute hashes, apart
//! from those that serve, and a correct password is remembered by a fingerprint that is useless outside
//! this process. Wrong passwords are not remembered: guesses would evict the correct ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::{Condvar, Mutex};
use rustls::crypto::ring;
use sha2::Sha256;
use tokio::sync::oneshot;

use super::sign_in_queue::SignInQueue;
use crate::http::client_address::ClientAddress;
use records_api::secret::Secret;

/// bcrypt ignores the rest of a password: two that differ only there would be equal.
const MAX_PASSWORD_BYTES: usize = 72;
/// Correct passwords that are remembered: far more than there are scrapers.
pub(super) const MAX_REMEMBERED: usize = 100;
/// Maximum number of threads that compute hashes.
const MAX_THREADS: usize = 4;

/// Result of an attempt to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum SignIn {
    Accepted,
    Refused,
    /// Too many attempts wait for a check.
    Busy,
}

/// A password, and the hash that it must have.
pub(super) struct Claim {
    pub(super) user: String,
    pub(super) hash: String,
    pub(super) password: Secret,
}

/// Checks passwords and remembers the correct ones, also after a change of the file.
pub(super) struct Passwords(Arc<Shared>);

struct Shared {
    key: [u8; 32],
    /// Fingerprints of correct passwords, the last one first.
    right: Mutex<VecDeque<Fingerprint>>,
    work: Mutex<Work>,
    has_work: Condvar,
}

/// Work of the threads.
#[derive(Default)]
struct Work {
    queue: SignInQueue<Attempt>,
    threads: usize,
    is_closed: bool,
}

type Fingerprint = [u8; 32];

/// A claim that waits to be checked.
struct Attempt {
    claim: Claim,
    fingerprint: Fingerprint,
    /// Requests that wait for the result.
    requests: Vec<oneshot::Sender<bool>>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        let random = ring::default_provider().secure_random;
        random.fill(&mut key).expect("TLS needs random numbers too");
        let (right, work) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { key, right, work, has_work: Condvar::new() }))
    }

    /// Checks a claim of a client.
    pub(super) async fn check(&self, client: ClientAddress, claim: Claim) -> SignIn {
        let fingerprint = self.0.fingerprint(&claim);
        if self.0.is_remembered(&fingerprint) {
            return SignIn::Accepted;
        }
        let (request, answered) = oneshot::channel();
        self.enqueue(client, Attempt { claim, fingerprint, requests: vec![request] });
        match answered.await {
            Ok(true) => SignIn::Accepted,
            Ok(false) => SignIn::Refused,
            Err(_) => SignIn::Busy,
        }
    }

    /// Returns true if the password of a claim is known to be correct.
    #[cfg(test)]
    pub(super) fn remembers(&self, claim: &Claim) -> bool {
        self.0.is_remembered(&self.0.fingerprint(claim))
    }

    fn enqueue(&self, client: ClientAddress, attempt: Attempt) {
        let mut work = self.0.work.lock();
        // After a start, a scraper may send several requests before its password is known.
        let mut same = work.queue.of_address(client);
        if let Some(same) = same.find(|other| other.fingerprint == attempt.fingerprint) {
            same.requests.extend(attempt.requests);
            return;
        }
        drop(same);
        // An attempt without a place is dropped, which tells its requests.
        drop(work.queue.push(client, attempt));
        if work.threads < max_threads() {
            let shared = self.0.clone();
            let name = "password hashes".to_owned();
            // If it cannot start, those that run do the work.
            let started = thread::Builder::new().name(name).spawn(move || shared.compute_hashes());
            work.threads += usize::from(started.is_ok());
            // Without any thread, nobody would ever answer.
            if work.threads == 0 {
                work.queue = SignInQueue::default();
            }
        }
        self.0.has_work.notify_one();
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        self.0.work.lock().is_closed = true;
        self.0.has_work.notify_all();
    }
}

/// Half of the cores at most, so that guessers leave the others to scrapes.
fn max_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, MAX_THREADS)
}

impl Shared {
    /// Checks the waiting attempts until the end.
    fn compute_hashes(&self) {
        let mut work = self.work.lock();
        while !work.is_closed {
            let Some((client, mut attempt)) = work.queue.pop() else {
                self.has_work.wait(&mut work);
                continue;
            };
            // Nobody waits for a check of a client that has hung up.
            attempt.requests.retain(|request| !request.is_closed());
            if attempt.requests.is_empty() {
                continue;
            }
            drop(work);
            let is_right = self.is_right(&attempt);
            for request in attempt.requests {
                // The client may hang up at any time.
                let _ = request.send(is_right);
            }
            work = self.work.lock();
            if is_right {
                work.queue.note_success(client);
            }
        }
    }

    fn is_right(&self, attempt: &Attempt) -> bool {
        // Another client may have sent it meanwhile.
        if self.is_remembered(&attempt.fingerprint) {
            return true;
        }
        let password = attempt.claim.password.expose();
        let is_right = bcrypt::verify(password, &attempt.claim.hash).unwrap_or(false)
            && password.len() <= MAX_PASSWORD_BYTES;
        if is_right {
            let mut right = self.right.lock();
            right.truncate(MAX_REMEMBERED - 1);
            right.push_front(attempt.fingerprint);
        }
        is_right
    }

    fn is_remembered(&self, fingerprint: &Fingerprint) -> bool {
        self.right.lock().contains(fingerprint)
    }

    fn fingerprint(&self, claim: &Claim) -> Fingerprint {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC accepts keys of any length");
        for part in [&claim.user, &claim.hash, claim.password.expose()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}
