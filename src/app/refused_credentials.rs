//! The file that tells later processes, and others beside this one, which credentials were refused.
//!
//! `refused-credentials.json` in the directory of the states: `format`, `salt`, and `refusals`, each
//! with a hash of the credentials. The hash is slow to compute, because a short password could be
//! found by trial otherwise. All projects and processes share the file. It is replaced as a whole; a
//! file that cannot be read counts as empty, and refusals older than five minutes are dropped.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rustls::crypto::ring;
use serde::{Deserialize, Serialize};

use records_api::{Fingerprint, LogThrottle, Refusal, RefusalStore, file, run_blocking};

const NAME: &str = "refused-credentials.json";
/// Written first, then renamed.
const NEW_NAME: &str = "refused-credentials.json.new";
const FORMAT: u32 = 1;
/// Larger than a file of [`MAX_REFUSALS`].
const MAX_BYTES: u64 = 256 * 1024;
const MAX_REFUSALS: usize = 256;
/// Refusals have no meaning after five minutes.
pub(super) const MAX_AGE_MILLIS: i64 = 5 * 60 * 1000;
/// Takes some milliseconds.
const BCRYPT_COST: u32 = 6;

/// The refusals in a directory.
#[derive(Debug, Clone)]
pub(super) struct RefusedCredentials(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    log_throttle: Mutex<LogThrottle>,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    format: u32,
    /// Random, in hexadecimal digits.
    salt: String,
    refusals: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// The hash of the credentials, in hexadecimal digits.
    credentials: String,
    #[serde(flatten)]
    refusal: Refusal,
}

impl RefusedCredentials {
    /// The refusals in this directory, which is created when there is one to keep.
    pub(super) fn in_directory(directory: &Path) -> Self {
        let (directory, log_throttle) = (directory.to_owned(), Mutex::default());
        Self(Arc::new(Shared { directory, log_throttle }))
    }
}

impl RefusalStore for RefusedCredentials {
    fn find(&self, credentials: Fingerprint) -> BoxFuture<'_, Vec<Refusal>> {
        let shared = self.0.clone();
        let found = run_blocking(move || shared.find(credentials));
        Box::pin(async { found.await.unwrap_or_default() })
    }

    fn keep(&self, credentials: Fingerprint, refusal: Refusal) -> BoxFuture<'_, ()> {
        let shared = self.0.clone();
        let kept = run_blocking(move || shared.keep(credentials, refusal));
        Box::pin(async {
            // A panic there is logged, and the refusal holds for this process.
            let _ = kept.await;
        })
    }
}

impl Shared {
    fn find(&self, credentials: Fingerprint) -> Vec<Refusal> {
        let Some(content) = self.read().filter(|content| !content.refusals.is_empty()) else {
            return Vec::new();
        };
        let Some(hash) = content.hash(credentials) else { return Vec::new() };
        let entries = content.refusals.into_iter().filter(|entry| entry.credentials == hash);
        entries.map(|entry| entry.refusal).collect()
    }

    fn keep(&self, credentials: Fingerprint, refusal: Refusal) {
        let Err(error) = self.try_keep(credentials, refusal) else { return };
        if self.log_throttle.lock().is_due(error.to_string()) {
            let file = self.directory.join(NAME).display().to_string();
            let remedy = "check `state.directory`; until then a restart, `check --online` and `once` \
                          try refused credentials again, which may lock them";
            tracing::warn!(file, %error, remedy, "cannot keep that credentials were refused");
        }
    }

    fn try_keep(&self, credentials: Fingerprint, refusal: Refusal) -> io::Result<()> {
        self.create_directory()?;
        // Released at the end. Another process may add a refusal at the same time.
        let directory = File::open(&self.directory)?;
        directory.lock()?;
        let mut content = self.read().unwrap_or_else(Content::new);
        let hash = content.hash(credentials).ok_or(io::ErrorKind::InvalidData)?;
        let now_millis = refusal.at_millis;
        content.refusals.retain(|entry| {
            let other = &entry.refusal;
            let is_replaced = entry.credentials == hash
                && other.project_id == refusal.project_id
                && other.endpoint == refusal.endpoint;
            let age = now_millis.saturating_sub(other.at_millis);
            !is_replaced && age.saturating_abs() < MAX_AGE_MILLIS
        });
        let surplus = (content.refusals.len() + 1).saturating_sub(MAX_REFUSALS);
        content.refusals.drain(..surplus);
        content.refusals.push(Entry { credentials: hash, refusal });
        self.write(&content, &directory)
    }

    fn read(&self) -> Option<Content> {
        let path = self.directory.join(NAME);
        // Reading a pipe would block.
        if !path.symlink_metadata().is_ok_and(|known| known.is_file()) {
            return None;
        }
        let bytes = file::read(&path, MAX_BYTES).ok()?;
        let content: Content = serde_json::from_slice(&bytes).ok()?;
        (content.format == FORMAT && content.salt().is_some()).then_some(content)
    }

    fn write(&self, content: &Content, directory: &File) -> io::Result<()> {
        let new = self.directory.join(NEW_NAME);
        // Left behind by a process that was killed, or something else.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&new)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(&serde_json::to_vec(content)?)?;
        file.sync_all()?;
        give_to_owner_of(&directory.metadata()?, &new);
        std::fs::rename(new, self.directory.join(NAME))
    }

    /// `check` and `once` may come before the first start of the exporter.
    fn create_directory(&self) -> io::Result<()> {
        if self.directory.exists() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        if let Some(parent) = self.directory.canonicalize()?.parent() {
            give_to_owner_of(&parent.metadata()?, &self.directory);
        }
        Ok(())
    }
}

/// Gives a file that an administrator created to the user whom the exporter runs as, who could not read
/// it otherwise.
fn give_to_owner_of(directory: &std::fs::Metadata, path: &Path) {
    let owner = path.symlink_metadata().map(|known| known.uid());
    if owner.is_ok_and(|owner| owner != directory.uid()) {
        // Only an administrator is allowed to. For others it makes no difference.
        let _ = chown(path, Some(directory.uid()), Some(directory.gid()));
    }
}

impl Content {
    fn new() -> Self {
        let mut salt = [0; 16];
        let random = ring::default_provider().secure_random;
        random.fill(&mut salt).expect("TLS needs random numbers too");
        Self { format: FORMAT, salt: hex(&salt), refusals: Vec::new() }
    }

    fn salt(&self) -> Option<[u8; 16]> {
        let is_hex = self.salt.len() == 32 && self.salt.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(&self.salt, 16).ok().filter(|_| is_hex)?;
        Some(number.to_be_bytes())
    }

    fn hash(&self, credentials: Fingerprint) -> Option<String> {
        Some(slow_hash(self.salt()?, credentials))
    }
}

/// Returns a hash that takes time, so that a short password cannot be found by trial.
pub(super) fn slow_hash(salt: [u8; 16], credentials: Fingerprint) -> String {
    // bcrypt reads a password up to its first null.
    let password = hex(credentials.as_bytes());
    hex(&bcrypt::bcrypt(BCRYPT_COST, salt, password.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use records_api::Endpoint;

    use super::*;

    const NOW: i64 = 1_795_176_000_000;

    fn fingerprint(text: &str) -> Fingerprint {
        Fingerprint::of([text].into_iter())
    }

    fn refusal(project_id: &str, at_millis: i64) -> Refusal {
        Refusal {
            project_id: project_id.to_owned(),
            endpoint: Endpoint::ScreenRecords,
            status: 401,
            code: Some("APIGW.0301".to_owned()),
            cause: None,
            applies_everywhere: true,
            at_millis,
        }
    }

    #[test]
    fn a_refusal_is_found_by_its_credentials_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = RefusedCredentials::in_directory(&folder.path().join("state")).0;
        let (one, other) = (fingerprint("one"), fingerprint("other"));
        assert_eq!(store.find(one), []);
        store.keep(one, refusal("a", NOW));
        store.keep(one, refusal("b", NOW + 60_000));
        store.keep(other, refusal("c", NOW + 120_000));
        assert_eq!(store.find(one), [refusal("a", NOW), refusal("b", NOW + 60_000)]);
        assert_eq!(store.find(other), [refusal("c", NOW + 120_000)]);
        // A newer one replaces it, and what is too old is dropped.
        store.keep(one, refusal("b", NOW + 301_000));
        assert_eq!(store.find(one), [refusal("b", NOW + 301_000)]);
        assert_eq!(store.find(fingerprint("nobody's")), []);
    }

    #[test]
    fn the_file_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let store = RefusedCredentials::in_directory(folder.path()).0;
        for number in 0..MAX_REFUSALS + 20 {
            let project = format!("{number:0>64}");
            store.keep(fingerprint("one"), refusal(&project, NOW));
        }
        let found = store.find(fingerprint("one"));
        assert_eq!(found.len(), MAX_REFUSALS);
        assert_eq!(found[0].project_id, format!("{:0>64}", 20));
        let length = folder.path().join(NAME).metadata().unwrap().len();
        assert!(length < MAX_BYTES / 2, "{length}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn whatever_is_in_the_place_of_the_file_is_replaced_or_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = RefusedCredentials::in_directory(folder.path()).0;
        let (path, elsewhere) = (folder.path().join(NAME), folder.path().join("elsewhere"));
        std::fs::write(&elsewhere, "of somebody else").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(NEW_NAME)).unwrap();
        assert_eq!(store.find(fingerprint("one")), []);
        store.keep(fingerprint("one"), refusal("a", NOW));
        assert_eq!(store.find(fingerprint("one")).len(), 1);
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "of somebody else");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        store.keep(fingerprint("one"), refusal("a", NOW));
        assert_eq!(store.find(fingerprint("one")), []);
    }
}
