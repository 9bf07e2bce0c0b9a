//! Finds cycles between the modules of a crate.
//!
//! A module points to another when its code or imports name an item of it; a re-export (`pub use`) points to where the
//! item is defined. What a module names of the modules around it does not count, because a folder is one unit for its
//! neighbours; neither does code that is compiled for tests only.

use crate::shell;
use anyhow::Context as _;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Attribute, ImplItem, Item, UseTree, Visibility};

/// A re-export of a re-export, and so on, is followed this often.
const REEXPORTS: usize = 8;

/// The path of a module or an item, without `crate`.
type Names = Vec<String>;

/// A module's references.
#[derive(Debug, Default)]
struct Module {
    /// As written: they begin with `crate`, `self`, `super` or the name of a child.
    references: BTreeSet<Names>,
    /// Names that a `pub use` gives to items of other modules.
    exports: BTreeMap<String, Names>,
}

/// One crate: its modules by path.
#[derive(Debug, Default)]
struct Modules(BTreeMap<Names, Module>);

/// Checks all crates of the workspace. Returns the number of modules, and one line for each cycle.
pub fn check(files: &[&str]) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut count, mut found) = (0, Vec::new());
    for (folder, files) in crates(files) {
        let mut modules = Modules::default();
        for file in files {
            let Some(path) = module_path(file.strip_prefix(folder).unwrap_or(file)) else { continue };
            let Ok(text) = std::fs::read_to_string(shell::root().join(file)) else { continue };
            modules.add(path, &text).with_context(|| format!("cannot parse {file}"))?;
        }
        count += modules.0.len();
        let cycles = modules.cycles();
        found.extend(cycles.into_iter().map(|cycle| format!("{folder}: {cycle}")));
    }
    Ok((count, found))
}

/// The files of each crate, by the folder of its manifest.
fn crates<'a>(files: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut crates: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        if let Some((folder, _)) = file.split_once("/src/") {
            crates.entry(folder).or_default().push(file);
        }
    }
    crates
}

/// The module of a file `/src/…`; `None` for tests.
fn module_path(file: &str) -> Option<Names> {
    let path = file.strip_prefix("/src/")?.strip_suffix(".rs")?;
    let mut names: Names = path.split('/').map(str::to_owned).collect();
    names.pop_if(|last| ["lib", "main", "mod"].contains(&last.as_str()));
    let is_test = |name: &String| name == "tests" || name.ends_with("_tests") || name == "fuzzing";
    (!path.starts_with("bin/") && !names.iter().any(is_test)).then_some(names)
}

impl Modules {
    fn add(&mut self, path: Names, text: &str) -> anyhow::Result<()> {
        let file = syn::parse_file(text)?;
        self.items(path, file.items);
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "syn may add kinds of items")]
    fn items(&mut self, path: Names, items: Vec<Item>) {
        let mut module = self.0.remove(&path).unwrap_or_default();
        for item in items {
            match item {
                Item::Mod(inner) if is_for_tests(&inner.attrs) => {}
                Item::Mod(inner) => {
                    if let Some((_, items)) = inner.content {
                        self.items([path.clone(), vec![inner.ident.to_string()]].concat(), items);
                    }
                }
                Item::Use(import) if is_for_tests(&import.attrs) => {}
                Item::Use(import) => {
                    let is_public = !matches!(import.vis, Visibility::Inherited);
                    for (name, path) in imports(&import.tree, &[]) {
                        if is_public {
                            module.exports.insert(name, path.clone());
                        }
                        module.references.insert(path);
                    }
                }
                Item::Impl(mut block) if !is_for_tests(&block.attrs) => {
                    block.items.retain(|item| !matches!(item, ImplItem::Fn(method) if is_for_tests(&method.attrs)));
                    paths(block.to_token_stream(), &mut module.references);
                }
                other if is_for_tests(attributes(&other)) => {}
                other => paths(other.to_token_stream(), &mut module.references),
            }
        }
        self.0.insert(path, module);
    }

    /// The module that a reference of `from` leads to.
    fn target(&self, from: &Names, reference: &Names) -> Option<Names> {
        self.follow(from, reference, REEXPORTS)
    }

    fn follow(&self, from: &Names, reference: &Names, depth: usize) -> Option<Names> {
        let child = |at: &Names, name: &String| [at.as_slice(), std::slice::from_ref(name)].concat();
        let first = reference.first()?;
        let (mut at, mut rest) = match first.as_str() {
            "crate" => (Names::new(), &reference[1..]),
            "self" | "super" => (from.clone(), reference.as_slice()),
            _ if self.0.contains_key(&child(from, first)) => (from.clone(), reference.as_slice()),
            _ => return None,
        };
        while let [name, others @ ..] = rest {
            match name.as_str() {
                "self" => {}
                "super" => drop(at.pop()),
                _ if self.0.contains_key(&child(&at, name)) => at = child(&at, name),
                _ => break,
            }
            rest = others;
        }
        let exported = rest.first().and_then(|name| self.0.get(&at)?.exports.get(name)).filter(|_| depth > 0);
        let original = exported.and_then(|path| self.follow(&at, path, depth - 1));
        original.or_else(|| self.0.contains_key(&at).then_some(at))
    }

    fn arrows(&self) -> BTreeMap<&Names, BTreeSet<Names>> {
        let of_module = |(path, module): (_, &Module)| {
            let targets = module.references.iter().filter_map(|reference| self.target(path, reference));
            (path, targets.filter(|target| !path.starts_with(target)).collect())
        };
        self.0.iter().map(of_module).collect()
    }

    /// One line for each set of modules that reach each other.
    fn cycles(&self) -> Vec<String> {
        let arrows = self.arrows();
        let reachable: BTreeMap<&Names, BTreeSet<&Names>> =
            arrows.keys().map(|from| (*from, reachable(&arrows, from))).collect();
        let mut cycles: BTreeSet<Vec<&Names>> = BTreeSet::new();
        for (from, targets) in &reachable {
            if targets.contains(from) {
                cycles.insert(targets.iter().filter(|other| reachable[*other].contains(from)).copied().collect());
            }
        }
        let show = |names: &Names| if names.is_empty() { "the root".to_owned() } else { names.join("::") };
        cycles.into_iter().map(|cycle| cycle.into_iter().map(show).collect::<Vec<_>>().join(" <-> ")).collect()
    }
}

fn reachable<'a>(arrows: &'a BTreeMap<&Names, BTreeSet<Names>>, from: &Names) -> BTreeSet<&'a Names> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for target in arrows.get(next).into_iter().flatten() {
            if found.insert(target) {
                open.push(target);
            }
        }
    }
    found
}

/// Each imported name, with its whole path.
fn imports(tree: &UseTree, prefix: &[String]) -> Vec<(String, Names)> {
    let with = |name: &dyn ToString| [prefix, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => imports(&path.tree, &with(&path.ident)),
        UseTree::Name(name) => vec![(name.ident.to_string(), with(&name.ident))],
        UseTree::Rename(rename) => vec![(rename.rename.to_string(), with(&rename.ident))],
        UseTree::Glob(_) => vec![("*".to_owned(), prefix.to_vec())],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| imports(tree, prefix)).collect(),
    }
}

/// Adds the paths `a::b…` in code, also those in the arguments of macros.
fn paths(tokens: TokenStream, found: &mut BTreeSet<Names>) {
    let (mut path, mut colons) = (Names::new(), 0);
    let mut end = |path: &mut Names| {
        let path = std::mem::take(path);
        if path.len() > 1 {
            found.insert(path);
        }
    };
    let mut groups = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(name) if colons == 2 && !path.is_empty() => path.push(name.to_string()),
            TokenTree::Ident(name) => {
                end(&mut path);
                path.push(name.to_string());
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => end(&mut path),
            TokenTree::Group(group) => {
                end(&mut path);
                groups.push(group.stream());
            }
        }
        colons = 0;
    }
    end(&mut path);
    groups.into_iter().for_each(|group| paths(group, found));
}

/// True for `#[cfg(test)]` and `#[test]`, also together with other conditions.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        text == "test" || (text.starts_with("cfg") && text.contains("test") && !text.contains("not"))
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "syn may add kinds of items")]
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(files: &[(&str, &str)]) -> Modules {
        let mut modules = Modules::default();
        for (path, text) in files {
            modules.add(module_path(path).unwrap(), text).unwrap();
        }
        modules
    }

    fn cycles(files: &[(&str, &str)]) -> Vec<String> {
        modules(files).cycles()
    }

    #[test]
    fn a_cycle_is_found_through_imports_paths_macros_and_reexports() {
        for import in ["use crate::b::B;", "fn f(b: crate::b::B) {}", "fn f() { say!(super::b::x()); }"] {
            let found = cycles(&[("/src/a.rs", import), ("/src/b/mod.rs", "use crate::a::A;")]);
            assert_eq!(found, ["a <-> b"], "{import}");
        }
        let root = ("/src/lib.rs", "pub use b::B;");
        assert_eq!(cycles(&[root, ("/src/a.rs", "use crate::B;"), ("/src/b.rs", "use crate::a::A;")]), ["a <-> b"]);
    }

    #[test]
    fn children_may_name_their_parent_but_not_each_other_in_turn() {
        let parent = ("/src/m/mod.rs", "pub enum State { One(one::One) }");
        assert!(cycles(&[parent, ("/src/m/one.rs", "use super::State;")]).is_empty());
        let states = [("/src/m/one.rs", "use super::two::Two;"), ("/src/m/two.rs", "use super::one::One;")];
        assert_eq!(cycles(&states), ["m::one <-> m::two"]);
    }

    #[test]
    fn tests_and_other_crates_do_not_count() {
        let a = "#[cfg(test)]\nuse crate::b::B;\n#[cfg(test)]\nmod tests { use crate::b::B; }\nuse serde::b::B;";
        assert!(cycles(&[("/src/a.rs", a), ("/src/b.rs", "use crate::a::A;")]).is_empty());
        assert_eq!(module_path("/src/a/tests/b.rs"), None);
        assert_eq!(module_path("/src/a/b_tests.rs"), None);
    }

    #[test]
    fn crates_are_told_apart_by_their_folders() {
        let found = crates(&["a/src/lib.rs", "a/b/src/x.rs", "a/src/y.rs", "a/tests/z.rs"]);
        assert_eq!(found, BTreeMap::from([("a", vec!["a/src/lib.rs", "a/src/y.rs"]), ("a/b", vec!["a/b/src/x.rs"])]));
    }
}
