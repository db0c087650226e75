//! Tests of the journal's file: order, ownership and damage.

use super::database::{FACTS, FORMAT};
use super::*;
use redb::ReadableDatabase;

/// Changes the format of a file.
pub(in crate::ledger) fn set_format(path: &Path, format: u64) {
    let file = OpenFile::open(path).unwrap();
    let transaction = file.database.begin_write().unwrap();
    transaction.open_table(FACTS).unwrap().insert(FORMAT, format).unwrap();
    transaction.commit().unwrap();
}

/// Returns the format of a file.
pub(in crate::ledger) fn format_of(path: &Path) -> u64 {
    let file = OpenFile::open(path).unwrap();
    let transaction = file.database.begin_read().unwrap();
    let facts = transaction.open_table(FACTS).unwrap();
    facts.get(FORMAT).unwrap().unwrap().value()
}

fn frames_of(path: &Path) -> Result<(Journal, Vec<Vec<u8>>), ReadError> {
    let mut frames = Vec::new();
    let journal = Journal::open(path, |frame| {
        frames.push(frame.to_vec());
        Ok(())
    })?;
    Ok((journal, frames))
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    (folder, path)
}

#[test]
fn frames_are_read_in_the_order_written() {
    let (_folder, path) = file();
    let (mut journal, frames) = frames_of(&path).unwrap();
    assert!(frames.is_empty());
    journal.append(false, [vec![1], vec![2; 60_000]].into_iter()).unwrap();
    journal.append(false, std::iter::once(vec![3])).unwrap();
    drop(journal);
    let (mut journal, frames) = frames_of(&path).unwrap();
    assert_eq!(frames, [vec![1], vec![2; 60_000], vec![3]]);
    journal.replace(std::iter::once(vec![4])).unwrap();
    drop(journal);
    assert_eq!(frames_of(&path).unwrap().1, [vec![4]]);
}

#[test]
fn a_second_owner_is_refused() {
    let (_folder, path) = file();
    let (_journal, _) = frames_of(&path).unwrap();
    let Err(ReadError::Refused(error)) = frames_of(&path) else {
        panic!("the file was opened twice")
    };
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
}

#[test]
fn a_damaged_file_is_never_read_as_other_frames() {
    let (_folder, path) = file();
    let (mut journal, _) = frames_of(&path).unwrap();
    let written: Vec<Vec<u8>> = (0..40).map(|n| vec![n; 3000]).collect();
    journal.append(false, written.iter().take(20).cloned()).unwrap();
    journal.append(false, written.iter().skip(20).cloned()).unwrap();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    let mut damaged = 0;
    // One byte in about a thousand is changed, and the file is truncated there.
    for at in (0..whole.len()).step_by(997) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        let cut = whole[..at].to_vec();
        for bytes in [flipped, cut] {
            fs::write(&path, &bytes).unwrap();
            match frames_of(&path) {
                Ok((_, frames)) => {
                    let is_earlier = frames.len() == 20 && written.starts_with(&frames);
                    let is_new = at == 0 && frames.is_empty();
                    assert!(is_new || is_earlier || frames == written, "{at}");
                }
                Err(ReadError::Damaged(_)) => damaged += 1,
                Err(ReadError::Refused(error)) => assert!(
                    matches!(error, OpenError::Newer { .. } | OpenError::Unusable { .. }),
                    "{at}: {error}"
                ),
            }
        }
    }
    assert!(damaged > 100, "{damaged}");
}

#[test]
fn a_foreign_file_is_set_aside_unchanged() {
    let (_folder, path) = file();
    fs::write(&path, "no state").unwrap();
    assert!(matches!(frames_of(&path), Err(ReadError::Damaged(_))));
    let aside = set_aside(&path, 17, "foreign".into()).unwrap();
    assert_eq!(fs::read(&aside.path).unwrap(), b"no state");
    assert!(frames_of(&path).unwrap().1.is_empty());
}
