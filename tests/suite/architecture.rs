//! Imports point one way: between the layers of `src`, and between modules at every level.

mod imports;

use std::path::{Path, PathBuf};

use imports::{Cycles, Import, Modules};

/// The layers of `src`, lowest first. A module may import from those before it.
const LAYERS: [&str; 17] = [
    "csv_text",
    "field_text",
    "log_throttle",
    "ledger",
    "sync",
    "listing",
    "snapshot",
    "exposition",
    "backfill",
    "instruments",
    "project",
    "replica",
    "collector",
    "http",
    "app",
    "cli",
    "main",
];
/// Modules that import from none of the others, with those that may import from them.
const APART: [(&str, &[&str]); 1] = [("config", &["http", "app", "cli"])];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn read(root: &str) -> Modules {
    Modules::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root))
}

fn listed<'i>(imports: impl IntoIterator<Item = &'i Import>) -> String {
    let line = |import: &Import| format!("\n  {} from {}: {}", import.from, import.to, import.item);
    imports.into_iter().map(line).collect()
}

fn described(cycles: &Cycles<'_>) -> String {
    let cycle =
        |(module, imports): (&&str, &Vec<Import>)| format!("\nin {module:?}:{}", listed(imports));
    cycles.iter().map(cycle).collect()
}

/// True if modules at the top of `src` may import from each other in this direction.
fn points_down(from: &str, to: &str) -> bool {
    let layer = |module: &str| {
        let layer = LAYERS.iter().position(|name| *name == module);
        layer.unwrap_or_else(|| panic!("{module} is not in LAYERS"))
    };
    let importers = |module: &str| APART.iter().find(|(name, _)| *name == module);
    match (importers(from), importers(to)) {
        (Some(_), _) => false,
        (None, Some((_, importers))) => importers.contains(&from),
        (None, None) => layer(to) < layer(from),
    }
}

/// Returns the imports from a layer that is not lower, with the number of imports between layers.
fn upward_imports(modules: &Modules) -> (String, usize) {
    let top = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
    let mut imports = modules.imports();
    imports.retain(|import| top(&import.from) != top(&import.to));
    let count = imports.len();
    imports.retain(|import| !points_down(&top(&import.from), &top(&import.to)));
    (listed(&imports), count)
}

#[test]
fn layers_import_only_from_lower_ones() {
    let (upward, count) = upward_imports(&read("src"));
    assert!(upward.is_empty(), "imports from a layer that is not lower:{upward}");
    assert!(count > 50, "only {count} imports found: the test looks in the wrong place");
}

#[test]
fn no_module_of_src_has_a_cycle_of_imports() {
    let modules = read("src");
    let cycles = modules.cycles();
    assert!(cycles.is_empty(), "cycles of imports in src: {}", described(&cycles));
}

#[test]
fn no_module_of_the_other_crates_has_a_cycle_of_imports() {
    for root in ["crates/records-api/src", "crates/records-api-simulator/src"] {
        let modules = read(root);
        assert!(modules.imports().len() > 50, "the test does not find the imports of {root}");
        let cycles = modules.cycles();
        assert!(cycles.is_empty(), "cycles of imports in {root}: {}", described(&cycles));
    }
}

/// Returns modules with these paths and texts, below an empty root.
fn planted(files: &[(&str, &str)]) -> Modules {
    let mut modules = Modules::default();
    modules.add("", "");
    for (path, text) in files {
        modules.add(path, text);
    }
    modules
}

#[test]
fn planted_cycles_are_found() {
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("a pair", &[("a", "use crate::b::B;"), ("b", "use super::a::{self, A as Other};")]),
        (
            "children of a pair",
            &[
                ("a", ""),
                ("b", ""),
                ("a::x", "use crate::{b::{y::Y}};"),
                ("b::y", "use crate::a::A;"),
            ],
        ),
        (
            "re-exports",
            &[
                ("p", "pub use low::{Low};"),
                ("p::low", "fn f() { crate::p::high::run() }"),
                ("p::high", "use super::Low;"),
            ],
        ),
        (
            "a module under another name",
            &[("a", "use crate::b as other; fn f() -> other::B {}"), ("b", "use crate::a::*;")],
        ),
        ("a parent that uses its child", &[("p", "use c::C;"), ("p::c", "use super::P;")]),
        (
            "a parent that uses what it re-exports",
            &[("p", "pub use c::C; struct P(C);"), ("p::c", "struct C(super::P);")],
        ),
    ];
    for (name, files) in cases {
        assert_eq!(planted(files).cycles().len(), 1, "{name}");
    }
}

#[test]
fn imports_without_a_cycle_are_accepted() {
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("re-export", &[("p", "pub use c::C;"), ("p::c", "use super::P;")]),
        (
            "shared type",
            &[
                ("p", "pub use low::Low; struct P;"),
                ("p::c", "use super::{Low, P};"),
                ("p::low", ""),
            ],
        ),
        ("crate of the same name", &[("a", "use b::B; pub struct A;"), ("b", "use crate::a::A;")]),
        (
            "tests",
            &[
                (
                    "a",
                    "#[cfg(test)] use crate::b::B; #[cfg(all(test, unix))] mod tests { use crate::b::*; }",
                ),
                ("b", "use crate::a::A;"),
            ],
        ),
    ];
    for (name, files) in cases {
        let modules = planted(files);
        let cycles = modules.cycles();
        assert!(cycles.is_empty(), "{name}: {}", described(&cycles));
    }
}

#[test]
fn planted_upward_imports_are_found() {
    let page = ("http", "pub struct Page;");
    for text in
        ["use super::super::http::Page;", "use crate::http::Page;", "struct S(crate::http::Page);"]
    {
        let (upward, _) =
            upward_imports(&planted(&[page, ("ledger", ""), ("ledger::table", text)]));
        assert_eq!(upward, "\n  ledger::table from http: Page", "{text}");
    }
    let reexport =
        [page, ("ledger", "pub use crate::http::Page;"), ("sync", "use crate::ledger::Page;")];
    let (upward, _) = upward_imports(&planted(&reexport));
    assert_eq!(upward, "\n  ledger from http: Page\n  sync from http: Page");
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
