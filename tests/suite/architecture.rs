//! Imports point one way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A module may know those of a lower rank, and itself.
const RANKS: [(&str, u32); 12] = [
    ("log_throttle", 1),
    ("ledger", 3),
    ("sync", 4),
    ("snapshot", 5),
    ("exposition", 6),
    ("instruments", 7),
    ("project", 8),
    ("collector", 9),
    ("http", 10),
    ("app", 11),
    ("cli", 12),
    ("main", 13),
];
/// Known to the modules that read a config or are wired of it, and what they may know.
const APART: [(&str, &[&str]); 1] = [("config", &[])];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The modules of this crate that a text names, by `crate::` or by the crate's name.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).chain(text.split("screen_records_exporter::").skip(1)).map(
        |rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        },
    )
}

fn may_know(module: &str, other: &str, ranks: &BTreeMap<&str, u32>) -> bool {
    if module == other {
        return true;
    }
    if let Some((_, known)) = APART.iter().find(|(name, _)| *name == module) {
        return known.contains(&other);
    }
    if APART.iter().any(|(name, _)| *name == other) {
        return ["http", "app", "cli"].contains(&module);
    }
    ranks[other] < ranks[module]
}

#[test]
fn every_module_knows_only_those_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let ranks = BTreeMap::from(RANKS);
    let mut looked_at = 0;
    for path in sources(&root) {
        let place = path.strip_prefix(&root).unwrap();
        let module = place.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for other in named(&text) {
            looked_at += 1;
            let known = ranks.contains_key(other) || APART.iter().any(|(name, _)| *name == other);
            assert!(known, "{}: {other} has no rank; give it one", place.display());
            assert!(
                may_know(module, other, &ranks),
                "{}: {module} must not know {other}",
                place.display()
            );
        }
    }
    assert!(looked_at > 50, "only {looked_at} imports found: the test looks in the wrong place");
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with //!", path.display());
        let code = text.split("#[cfg(test)]").next().unwrap_or(&text);
        let lines = code.lines().count();
        assert!(lines <= 360, "{} has {lines} lines: part it by purpose", path.display());
    }
}
