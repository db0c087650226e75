//! Basic auth: names and hashes of passwords from the file, and the check of a request.

use std::collections::HashMap;
use std::str::FromStr;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::passwords::{Claim, Passwords, SignIn};
use crate::config::{Entry, Problem, Read, Reader, Typed};
use crate::http::client_address::ClientAddress;
use records_api::secret::Secret;

/// A cost of 15 takes two seconds. Each step doubles the time: 31 would take two days.
const MAX_COST: u32 = 15;
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

    /// Checks whether a request comes from one of the users.
    pub(super) async fn check(
        &self,
        client: ClientAddress,
        headers: &HeaderMap,
        passwords: &Passwords,
    ) -> SignIn {
        let Some(claim) = self.claim(headers) else { return SignIn::Refused };
        let is_known = self.hashes.contains_key(&claim.user);
        match passwords.check(client, claim).await {
            SignIn::Accepted if !is_known => SignIn::Refused,
            result => result,
        }
    }

    /// Returns what a request claims, if it has user and password.
    fn claim(&self, headers: &HeaderMap) -> Option<Claim> {
        let (user, password) = credentials(headers)?;
        let hash = self.hashes.get(&user).unwrap_or(&self.nobody).clone();
        Some(Claim { user, hash, password })
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::super::passwords::MAX_REMEMBERED;
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

    fn client(number: u32) -> ClientAddress {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    async fn admits(users: &Users, passwords: &Passwords, headers: &HeaderMap) -> bool {
        users.check(client(0), headers, passwords).await == SignIn::Accepted
    }

    fn is_remembered(users: &Users, passwords: &Passwords, headers: &HeaderMap) -> bool {
        passwords.remembers(&users.claim(headers).unwrap())
    }

    #[tokio::test]
    async fn correct_passwords_are_remembered_and_guesses_do_not_evict_them() {
        let (users, passwords) = (users(&[("a", "right", 4), ("b", "right", 4)]), Passwords::new());
        let right = headers("a", "right");
        assert!(!is_remembered(&users, &passwords, &right));
        assert!(admits(&users, &passwords, &right).await);
        for guess in 0..2 * MAX_REMEMBERED {
            assert!(!admits(&users, &passwords, &headers("a", &guess.to_string())).await);
        }
        assert!(is_remembered(&users, &passwords, &right));
        // The same password of another user, with another hash, is not known yet.
        assert!(!is_remembered(&users, &passwords, &headers("b", "right")));
        assert!(!is_remembered(&users, &passwords, &headers("a", "0")));
        let changed = self::users(&[("a", "right", 4)]);
        assert!(!is_remembered(&changed, &passwords, &right));
    }

    #[tokio::test]
    async fn the_oldest_remembered_password_is_forgotten_first() {
        let passwords = Passwords::new();
        let names: Vec<_> = (0..=MAX_REMEMBERED).map(|n| n.to_string()).collect();
        let list: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_str(), 4)).collect();
        let users = users(&list);
        for name in &names {
            assert!(admits(&users, &passwords, &headers(name, name)).await);
        }
        assert!(!is_remembered(&users, &passwords, &headers("0", "0")));
        assert!(is_remembered(&users, &passwords, &headers("1", "1")));
    }

    #[tokio::test]
    async fn a_password_longer_than_bcrypt_reads_is_refused() {
        let long = "x".repeat(73);
        let (users, passwords) = (users(&[("a", &long[..72], 4)]), Passwords::new());
        assert!(admits(&users, &passwords, &headers("a", &long[..72])).await);
        assert!(!admits(&users, &passwords, &headers("a", &long)).await);
    }

    #[tokio::test]
    async fn an_unknown_user_takes_as_long_as_a_wrong_password() {
        let (users, passwords) = (users(&[("a", "right", 10)]), Passwords::new());
        let time = async |user| {
            let begun = Instant::now();
            assert!(!admits(&users, &passwords, &headers(user, "wrong")).await);
            begun.elapsed()
        };
        let (known, unknown) = (time("a").await, time("b").await);
        assert!(unknown * 4 > known && known * 4 > unknown, "{known:?} {unknown:?}");
    }

    #[tokio::test]
    async fn a_password_is_checked_although_guessers_keep_the_threads_busy() {
        let (users, passwords) = (users(&[("a", "right", 8)]), Passwords::new());
        let guess = async |number: u32| {
            for round in 0_u32.. {
                let wrong = headers("a", &format!("{number} {round}"));
                users.check(client(1 + number % 150), &wrong, &passwords).await;
            }
        };
        let right = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let begun = Instant::now();
            assert!(admits(&users, &passwords, &headers("a", "right")).await);
            begun.elapsed()
        };
        let waited = tokio::select! {
            _ = join_all((0..400).map(guess)) => unreachable!("guessers do not end"),
            waited = right => waited,
        };
        // A hash takes about 20 ms. The guesses that wait take more than two seconds.
        assert!(waited < Duration::from_secs(1), "{waited:?}");
    }

    #[tokio::test]
    async fn requests_with_the_same_password_share_one_hash() {
        let (users, passwords) = (users(&[("a", "right", 10)]), Passwords::new());
        let right = headers("a", "right");
        // More than may wait.
        let requests = (0..1000).map(|_| admits(&users, &passwords, &right));
        assert!(join_all(requests).await.into_iter().all(|is_admitted| is_admitted));
    }

    #[tokio::test]
    async fn attempts_beyond_the_limit_of_an_address_are_told_so() {
        let (users, passwords) = (users(&[("a", "right", 10)]), Passwords::new());
        let guesses: Vec<_> = (0..100).map(|guess| headers("a", &guess.to_string())).collect();
        let checks = guesses.iter().map(|guess| users.check(client(1), guess, &passwords));
        let results = join_all(checks).await;
        assert!(results.contains(&SignIn::Busy) && results.contains(&SignIn::Refused));
        assert!(!results.contains(&SignIn::Accepted));
    }

    #[tokio::test]
    async fn clients_that_hang_up_do_not_delay_others() {
        let (users, passwords) = (users(&[("a", "right", 10)]), Passwords::new());
        for guess in 1..200 {
            let wrong = headers("a", &guess.to_string());
            let check = users.check(client(guess % 20), &wrong, &passwords);
            assert!(check.now_or_never().is_none_or(|result| result == SignIn::Busy));
        }
        let begun = Instant::now();
        assert!(admits(&users, &passwords, &headers("a", "right")).await);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
