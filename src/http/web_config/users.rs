//! Basic auth: names and hashes of passwords from the file, and the check of a request.
//!
//! A hash takes a tenth of a second of a whole core, on purpose. So one is computed at a time, apart
//! from the tasks that serve, and a correct password is remembered by a fingerprint that is useless
//! outside this process. Wrong passwords are not remembered: guesses would evict the correct ones.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::{Mutex, MutexGuard};
use rustls::crypto::ring;
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::config::{Entry, Problem, Read, Reader, Typed};
use records_api::secret::Secret;

/// A cost of 15 takes two seconds. Each step doubles the time: 31 would take two days.
const MAX_COST: u32 = 15;
/// bcrypt ignores the rest of a password: two that differ only there would be equal.
const MAX_PASSWORD_BYTES: usize = 72;
/// Correct passwords that are remembered: far more than there are scrapers.
const MAX_REMEMBERED: usize = 100;

const ACCEPTED: &str = "a bcrypt hash that starts with $2a$, $2b$ or $2y$ and has a cost from 4 to 15, \
                        such as `htpasswd -nBC 10 \"\"` prints after the colon";

/// Salt and hash of an unknown password.
const NOBODY: &str = "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// The users of a file.
pub(super) struct Users {
    hashes: HashMap<String, String>,
    /// The hash that the password of an unknown user is compared with, so that the time does not show
    /// which users exist.
    nobody: String,
}

impl Users {
    /// Reads the section; `None` if it has no user.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let section = "basic_auth_users";
        let Read::Accepted(Typed::Table(entries)) = reader.read(section) else { return None };
        let place = reader.place(section).clone();
        let mut hashes = HashMap::new();
        let mut largest = 0;
        for Entry { name, line, node } in entries {
            let hash = node.value.as_text().and_then(|hash| Some((hash, cost(hash)?)));
            let Some((hash, cost)) = hash else {
                // Neither the name nor the hash is shown: each may be in the place of the other.
                let text = format!("the value (not shown) is not accepted. Accepted is {ACCEPTED}");
                reader.note(Problem::of_key(&place.at(line), section, text));
                continue;
            };
            largest = largest.max(cost);
            hashes.insert(name, hash.to_owned());
        }
        let nobody = format!("$2y${largest:02}${NOBODY}");
        (!hashes.is_empty()).then_some(Self { hashes, nobody })
    }

    /// Number of users.
    pub(super) fn count(&self) -> usize {
        self.hashes.len()
    }

    /// True if a request comes from one of the users.
    pub(super) async fn admit(&self, headers: &HeaderMap, passwords: &Passwords) -> bool {
        let Some((user, password)) = credentials(headers) else { return false };
        if let Some(hash) = self.hashes.get(&user) {
            return passwords.are_right(&user, hash, password).await;
        }
        passwords.compare(self.nobody.clone(), password).await;
        false
    }
}

/// The cost of a hash, if it is accepted.
fn cost(hash: &str) -> Option<u32> {
    let is_known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version));
    let parts = bcrypt::HashParts::from_str(hash).ok().filter(|_| is_known)?;
    (4..=MAX_COST).contains(&parts.get_cost()).then(|| parts.get_cost())
}

/// User and password in the header, if there are any.
fn credentials(headers: &HeaderMap) -> Option<(String, Secret)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), Secret::from(password)))
}

/// Compares passwords and remembers the correct ones, also after a change of the file.
pub(super) struct Passwords {
    key: [u8; 32],
    right: Mutex<VecDeque<[u8; 32]>>,
    one_at_a_time: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        let random = ring::default_provider().secure_random;
        random.fill(&mut key).expect("TLS needs random numbers too");
        Self { key, right: Mutex::new(VecDeque::new()), one_at_a_time: Arc::new(Semaphore::new(1)) }
    }

    async fn are_right(&self, user: &str, hash: &str, password: Secret) -> bool {
        let fingerprint = self.fingerprint(user, hash, &password);
        if self.right().contains(&fingerprint) {
            return true;
        }
        let is_right = self.compare(hash.to_owned(), password).await;
        if is_right {
            let mut right = self.right();
            right.truncate(MAX_REMEMBERED - 1);
            right.push_front(fingerprint);
        }
        is_right
    }

    /// Computes the hash of a password, one at a time.
    async fn compare(&self, hash: String, password: Secret) -> bool {
        let Ok(turn) = self.one_at_a_time.clone().acquire_owned().await else { return false };
        let compared = tokio::task::spawn_blocking(move || {
            // Belongs to the computation, not to the client, which may hang up.
            let _turn = turn;
            let password = password.expose();
            let is_right = bcrypt::verify(password, &hash).unwrap_or(false);
            is_right && password.len() <= MAX_PASSWORD_BYTES
        });
        compared.await.unwrap_or(false)
    }

    fn fingerprint(&self, user: &str, hash: &str, password: &Secret) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC accepts keys of any length");
        for part in [user, hash, password.expose()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn right(&self) -> MutexGuard<'_, VecDeque<[u8; 32]>> {
        self.right.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::*;

    fn users(list: &[(&str, &str, u32)]) -> Users {
        let hashes = list.iter().map(|(user, password, cost)| {
            ((*user).to_owned(), bcrypt::hash(password, *cost).unwrap())
        });
        let largest = list.iter().map(|(_, _, cost)| cost).max().unwrap();
        Users { hashes: hashes.collect(), nobody: format!("$2y${largest:02}${NOBODY}") }
    }

    fn headers(user: &str, password: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    /// True if it is admitted without a comparison; none can start meanwhile.
    async fn is_remembered(users: &Users, passwords: &Passwords, headers: &HeaderMap) -> bool {
        let _turn = passwords.one_at_a_time.acquire().await.unwrap();
        let admitted = timeout(Duration::from_millis(50), users.admit(headers, passwords)).await;
        admitted.is_ok_and(|is_admitted| is_admitted)
    }

    #[tokio::test]
    async fn correct_passwords_are_remembered_and_guesses_do_not_evict_them() {
        let (users, passwords) = (users(&[("a", "right", 4), ("b", "right", 4)]), Passwords::new());
        let right = headers("a", "right");
        assert!(!is_remembered(&users, &passwords, &right).await);
        assert!(users.admit(&right, &passwords).await);
        for guess in 0..2 * MAX_REMEMBERED {
            assert!(!users.admit(&headers("a", &guess.to_string()), &passwords).await);
        }
        assert!(is_remembered(&users, &passwords, &right).await);
        // The same password of another user, with another hash, is not known yet.
        assert!(!is_remembered(&users, &passwords, &headers("b", "right")).await);
        assert!(!is_remembered(&users, &passwords, &headers("a", "0")).await);
        let changed = self::users(&[("a", "right", 4)]);
        assert!(!is_remembered(&changed, &passwords, &right).await);
    }

    #[tokio::test]
    async fn the_oldest_remembered_password_is_forgotten_first() {
        let passwords = Passwords::new();
        let names: Vec<_> = (0..=MAX_REMEMBERED).map(|n| n.to_string()).collect();
        let list: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_str(), 4)).collect();
        let users = users(&list);
        for name in &names {
            assert!(users.admit(&headers(name, name), &passwords).await);
        }
        assert_eq!(passwords.right().len(), MAX_REMEMBERED);
        assert!(!is_remembered(&users, &passwords, &headers("0", "0")).await);
        assert!(is_remembered(&users, &passwords, &headers("1", "1")).await);
    }

    #[tokio::test]
    async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
        let (users, passwords) = (users(&[("a", "right", 10)]), Passwords::new());
        let time = async |user| {
            let begun = Instant::now();
            assert!(!users.admit(&headers(user, "wrong"), &passwords).await);
            begun.elapsed()
        };
        let (known, unknown) = (time("a").await, time("b").await);
        assert!(unknown * 4 > known && known * 4 > unknown, "{known:?} {unknown:?}");
    }

    #[tokio::test]
    async fn a_comparison_keeps_its_turn_after_its_client_hung_up() {
        let (users, passwords) = (users(&[("a", "right", 10)]), Passwords::new());
        let wrong = headers("a", "wrong");
        let hung_up = timeout(Duration::from_millis(1), users.admit(&wrong, &passwords)).await;
        assert!(hung_up.is_err());
        assert_eq!(passwords.one_at_a_time.available_permits(), 0);
        assert!(users.admit(&headers("a", "right"), &passwords).await);
    }
}
