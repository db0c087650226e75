//! The imports between the modules of a crate, followed through re-exports to the files that define
//! what is imported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules of a crate by their paths, such as `ledger::journal`; the path of the root is empty.
/// Modules of tests are left out, because they may import anything.
#[derive(Default)]
pub(super) struct Modules(BTreeMap<String, Module>);

/// The file of a module.
#[derive(Default)]
struct Module {
    uses: Vec<Use>,
    /// Paths of two or more names outside of `use` items.
    paths: BTreeSet<Vec<String>>,
    /// Names outside of `use` items; of a path only the first.
    names: BTreeSet<String>,
}

/// One import of a `use` item.
struct Use {
    path: Vec<String>,
    /// The name of what it imports in this file.
    name: String,
    is_reexport: bool,
}

/// A module that imports an item, and the module whose file defines it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) item: String,
}

/// Imports by the module in which they form cycles.
pub(super) type Cycles<'m> = BTreeMap<&'m str, Vec<Import>>;

impl Modules {
    /// Reads the files of a crate, whose root is in this folder.
    pub(super) fn read(root: &Path) -> Self {
        let mut modules = Self::default();
        for file in super::sources(root) {
            let place = file.strip_prefix(root).unwrap().with_extension("");
            let names: Vec<_> = place.iter().map(|name| name.to_str().unwrap()).collect();
            if !names.contains(&"tests") {
                let path = if names == ["lib"] { String::new() } else { names.join("::") };
                modules.add(&path, &std::fs::read_to_string(&file).unwrap());
            }
        }
        modules
    }

    pub(super) fn add(&mut self, path: &str, text: &str) {
        let mut module = Module::default();
        module.scan(text.parse().unwrap());
        self.0.insert(path.to_owned(), module);
    }

    /// Returns all imports from other files. To re-export what is below a module is not to import
    /// it, unless its file also uses the name.
    pub(super) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (from, module) in &self.0 {
            let uses = module.uses.iter().map(|Use { path, name, is_reexport }| {
                (path, *is_reexport && !module.names.contains(name))
            });
            for (path, is_reexport) in uses.chain(module.paths.iter().map(|path| (path, false))) {
                if let Some((to, Some(item))) = self.resolve(from, path)
                    && to != *from
                    && !(is_reexport && node(from, &to).is_some())
                {
                    imports.insert(Import { from: from.clone(), to, item });
                }
            }
        }
        imports
    }

    /// Returns the module whose file defines what a path names, and the name there; no name if the
    /// path is that of a module. Returns `None` for what other crates define.
    fn resolve(&self, from: &str, path: &[String]) -> Option<(String, Option<String>)> {
        let (mut module, mut rest) = match path[0].as_str() {
            "crate" | "screen_records_exporter" => ("", &path[1..]),
            "self" => (from, &path[1..]),
            name if name == "super" || self.0.contains_key(&join(from, name)) => (from, path),
            name => return self.resolve_use(from, name, &path[1..]),
        };
        while let [name, tail @ ..] = rest {
            let parent = || module.rsplit_once("::").map_or("", |(parent, _)| parent).to_owned();
            let next = if name == "super" { parent() } else { join(module, name) };
            let Some((next, _)) = self.0.get_key_value(&next) else {
                let used = self.resolve_use(module, name, tail);
                return used.or_else(|| Some((module.to_owned(), Some(name.clone()))));
            };
            (module, rest) = (next, tail);
        }
        Some((module.to_owned(), None))
    }

    /// Resolves a path whose first name is imported by a module.
    fn resolve_use(
        &self,
        module: &str,
        name: &str,
        tail: &[String],
    ) -> Option<(String, Option<String>)> {
        let Use { path, .. } = self.0[module].uses.iter().find(|used| used.name == name)?;
        // `use name::name` names a crate, unless the module has a child of that name.
        let is_crate = path[0] == name && !self.0.contains_key(&join(module, name));
        if is_crate { None } else { self.resolve(module, &[path, tail].concat()) }
    }

    /// Returns the imports that form cycles, in each module between its children and its own file. Of the
    /// imports from one child to another, one is returned.
    pub(super) fn cycles(&self) -> Cycles<'_> {
        let (imports, mut cycles) = (self.imports(), Cycles::new());
        for module in self.0.keys() {
            let mut edges = BTreeMap::new();
            for import in &imports {
                if let (Some(from), Some(to)) =
                    (node(module, &import.from), node(module, &import.to))
                    && from != to
                {
                    edges.insert((from, to), import);
                }
            }
            let mut before = usize::MAX;
            // What nothing imports, and what imports nothing, is not part of a cycle.
            while edges.len() < before {
                before = edges.len();
                let (froms, tos): (BTreeSet<_>, BTreeSet<_>) = edges.keys().copied().unzip();
                edges.retain(|(from, to), _| tos.contains(from) && froms.contains(to));
            }
            if !edges.is_empty() {
                cycles.insert(module, edges.into_values().cloned().collect());
            }
        }
        cycles
    }
}

/// Returns the name of the child of `parent` that a module is, or is in; an empty one for `parent`.
fn node<'m>(parent: &str, module: &'m str) -> Option<&'m str> {
    let below = match module.strip_prefix(parent)? {
        "" => return Some(""),
        below if parent.is_empty() => below,
        below => below.strip_prefix("::")?,
    };
    below.split("::").next()
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

impl Module {
    fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let texts: Vec<_> = tokens.iter().map(text).collect();
        let text = |at: usize| texts.get(at).map_or("", String::as_str);
        let find = |at, ends: &[&str]| (at..texts.len()).find(|at| ends.contains(&text(*at)));
        let mut at = 0;
        while at < tokens.len() {
            let before = if at == 0 { "" } else { text(at - 1) };
            match (&tokens[at], text(at), text(at + 1)) {
                (_, "#", attribute) if is_of_tests(attribute) => {
                    at = find(at, &[";", "{}"]).unwrap();
                }
                // Not in `impl Trait + use<'a>`.
                (_, "use", next) if next != "<" => {
                    let end = find(at, &[";"]).unwrap();
                    self.add_uses(&[], &tokens[at + 1..end], matches!(before, "pub" | "()"));
                    at = end;
                }
                (TokenTree::Ident(_), name, _) => {
                    let mut path = vec![name.to_owned()];
                    while (text(at + 1), text(at + 2)) == (":", ":")
                        && let Some(TokenTree::Ident(name)) = tokens.get(at + 3)
                    {
                        path.push(name.to_string());
                        at += 3;
                    }
                    // Not a field or a method.
                    if before != "." {
                        self.names.insert(path[0].clone());
                    }
                    if path.len() > 1 {
                        self.paths.insert(path);
                    }
                }
                (TokenTree::Group(group), ..) => self.scan(group.stream()),
                _ => {}
            }
            at += 1;
        }
    }

    /// Adds each name that a `use` item imports, also those in braces.
    fn add_uses(&mut self, prefix: &[String], tokens: &[TokenTree], is_reexport: bool) {
        for tree in tokens.split(|token| text(token) == ",") {
            let (mut path, mut alias) = (prefix.to_vec(), None);
            let mut rest = tree.iter();
            while let Some(token) = rest.next() {
                match (token, text(token).as_str()) {
                    (TokenTree::Group(group), _) => {
                        let tokens: Vec<_> = group.stream().into_iter().collect();
                        self.add_uses(&path, &tokens, is_reexport);
                        path.clear();
                    }
                    (_, "as") => alias = rest.next().map(text),
                    (_, ":") => {}
                    (_, "self") if !path.is_empty() => {}
                    (_, name) => path.push(name.to_owned()),
                }
            }
            if let Some(name) = alias.or_else(|| path.last().cloned()) {
                self.uses.push(Use { path, name, is_reexport });
            }
        }
    }
}

fn is_of_tests(attribute: &str) -> bool {
    attribute.starts_with("[cfg(test)") || attribute.starts_with("[cfg(all(test,")
}

/// Returns the text of a token without spaces; of a group other than `[...]` only its delimiters.
fn text(token: &TokenTree) -> String {
    let TokenTree::Group(group) = token else { return token.to_string() };
    match group.delimiter() {
        Delimiter::Bracket => format!("[{}]", group.stream()).replace(' ', ""),
        Delimiter::Brace => "{}".to_owned(),
        Delimiter::Parenthesis | Delimiter::None => "()".to_owned(),
    }
}
