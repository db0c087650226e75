//! Links and paths in the documents lead to files and headings that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are not part of the repository.
const FOREIGN: [&str; 4] = ["target", "data", "node_modules", ".git"];
/// Documents that may name files that have since been removed.
const HISTORY: [&str; 1] = ["CHANGELOG.md"];
/// A text in backquotes that begins with one of these is a path.
const FOLDERS: [&str; 9] = [
    "benches/",
    "build/",
    "crates/",
    "dashboards/",
    "docs/",
    "examples/",
    "packaging/",
    "src/",
    "tests/",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the documents below a folder.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_symlink() || FOREIGN.contains(&name) {
            continue;
        }
        if path.is_dir() {
            found.extend(documents(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

/// Returns the lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Returns the targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// Returns what is in backquotes.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

fn anchors(document: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(document).unwrap();
    let headings = prose(&text).filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    headings.map(anchor).collect()
}

fn exists(document: &Path, target: &str) -> bool {
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path =
        if path.is_empty() { document.to_owned() } else { document.parent().unwrap().join(path) };
    path.exists() && (fragment.is_empty() || anchors(&path).contains(fragment))
}

/// Returns whether a text in backquotes is a path in the repository.
fn is_path(code: &str) -> bool {
    let is_plain = code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_local = FOLDERS.iter().any(|folder| code.starts_with(folder));
    is_plain && (is_local || code.starts_with("../"))
}

/// Returns whether a path exists: from the root, from the folder of the document, or as a module.
fn path_exists(document: &Path, path: &str) -> bool {
    let places = [root(), document.parent().unwrap()];
    places.iter().any(|place| {
        let path = place.join(path.trim_end_matches('.'));
        path.exists() || path.with_extension("rs").exists()
    })
}

#[test]
fn links_in_the_documents_lead_to_existing_files_and_headings() {
    let mut broken = Vec::new();
    for document in documents(root()) {
        let text = fs::read_to_string(&document).unwrap();
        let targets = prose(&text).flat_map(links).filter(|target| !target.contains("://"));
        let missing = targets.filter(|target| !exists(&document, target));
        broken.extend(missing.map(|target| format!("{}: {target}", document.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn paths_in_the_documents_exist() {
    let mut broken = Vec::new();
    for document in documents(root()) {
        if HISTORY.iter().any(|name| document.ends_with(name)) {
            continue;
        }
        let text = fs::read_to_string(&document).unwrap();
        let paths = prose(&text).flat_map(code).filter(|code| is_path(code));
        let missing = paths.filter(|path| !path_exists(&document, path));
        broken.extend(missing.map(|path| format!("{}: {path}", document.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn files_of_a_release_are_named_with_the_present_version() {
    let mut named = 0;
    for document in documents(root()) {
        if HISTORY.iter().any(|name| document.ends_with(name)) {
            continue;
        }
        let text = fs::read_to_string(&document).unwrap();
        for after in text.split("screen-records-exporter").skip(1) {
            let version = after.strip_prefix(['-', '_', ':']).unwrap_or_default();
            // The pods of a StatefulSet end in a number, too.
            let after_digits = version.trim_start_matches(|c: char| c.is_ascii_digit());
            if version != after_digits && after_digits.starts_with('.') {
                let (place, present) = (document.display(), env!("CARGO_PKG_VERSION"));
                assert!(version.starts_with(present), "{place}: {version:.20}");
                named += 1;
            }
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn anchors_are_those_of_the_headings() {
    assert_eq!(anchor("Install it: `deb`, *rpm*"), "install-it-deb-rpm");
    assert!(anchors(&root().join("docs/scaling.md")).contains("several-prometheus-servers"));
    assert!(exists(&root().join("docs/scaling.md"), "#pairs"));
    assert!(!exists(&root().join("docs/scaling.md"), "#absent"));
    assert!(!exists(&root().join("docs/scaling.md"), "absent.md"));
}
