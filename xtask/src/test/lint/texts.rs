//! Checks comments and documents: words to avoid, British spelling, paths and tests that documents name.

use std::path::Path;

/// Words that the style avoids, and what to write instead.
const AVOID: &[(&str, &str)] = &[
    ("nobody", "the component by name"),
    ("somebody", "the component by name"),
    ("whoever", "the component by name"),
    ("anew", "again"),
    ("once more", "again"),
    ("meanwhile", "until then, at the same time"),
    ("for ever", "permanently"),
    ("heed", "apply"),
    ("behavior", "behaviour"),
    ("color", "colour"),
    ("favor", "favour"),
    ("neighbor", "neighbour"),
    ("authorize", "authorise"),
    ("authorized", "authorised"),
    ("initialize", "initialise"),
    ("initialized", "initialised"),
    ("normalize", "normalise"),
    ("normalized", "normalised"),
    ("organize", "organise"),
    ("recognize", "recognise"),
    ("recognized", "recognised"),
    ("optimize", "optimise"),
    ("optimized", "optimised"),
    ("canceled", "cancelled"),
    ("labeled", "labelled"),
];

/// Maximum width of a line, as in `rustfmt.toml`.
const WIDTH: usize = 120;

/// Top-level folders: a name in a document that begins with one of them is a path of the tree.
const FOLDERS: &[&str] =
    &["admin-ui/", "desktop/", "docs/", "e2e/", "fuzz/", "installers/", "server/", "shared/", "xtask/", ".ci/"];

/// Returns one line for each word to avoid in a Rust file's comments, or in a document outside of code.
pub fn words(path: &str, text: &str) -> Vec<String> {
    let is_rust = path.ends_with(".rs");
    let (mut found, mut is_fenced) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        is_fenced ^= !is_rust && line.trim_start().starts_with("```");
        let prose = if is_rust { comment(line) } else { (!is_fenced).then_some(line) };
        let prose = prose.map(without_code).unwrap_or_default().to_lowercase();
        for (word, instead) in AVOID.iter().filter(|(word, _)| contains(&prose, word)) {
            found.push(format!("{path}:{}: '{word}': write: {instead}", index + 1));
        }
    }
    found
}

/// Returns one line for each line that is too wide: comments in Rust and TOML, prose in documents. The formatter limits
/// code; tables and addresses cannot be broken.
pub fn wide(path: &str, text: &str) -> Vec<String> {
    let (mut found, mut is_fenced) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        is_fenced ^= path.ends_with(".md") && trimmed.starts_with("```");
        let is_prose = match path.rsplit_once('.') {
            Some((_, "rs")) => comment(line).is_some(),
            Some((_, "toml")) => trimmed.starts_with("# "),
            _ => !is_fenced && !trimmed.starts_with('|') && !trimmed.contains("://"),
        };
        let width = line.chars().count();
        if is_prose && width > WIDTH {
            found.push(format!("{path}:{}: {width} characters, the limit is {WIDTH}", index + 1));
        }
    }
    found
}

/// The comment in a line of Rust.
fn comment(line: &str) -> Option<&str> {
    let quotes = |before: &str| before.matches('"').count() - before.matches("\\\"").count();
    let is_text = |at: usize| line.get(..at).is_some_and(|before| quotes(before) % 2 == 1);
    line.match_indices("//").find(|(at, _)| !is_text(*at)).and_then(|(at, _)| line.get(at..))
}

/// The text outside of backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn contains(text: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

/// Returns one line for each path of the tree, each test and each function that a document names and that does not
/// exist. A test is named as `` `path`: `name` ``, a function as `` `path`: **`name`** ``.
pub fn names(root: &Path, path: &str, text: &str) -> Vec<String> {
    let (mut found, mut is_fenced) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        is_fenced ^= line.trim_start().starts_with("```");
        if is_fenced {
            continue;
        }
        let parts: Vec<&str> = line.split('`').collect();
        let mut at = |what: String| found.push(format!("{path}:{}: {what}", index + 1));
        for (number, code) in parts.iter().enumerate().skip(1).step_by(2) {
            let Some(file) = tree_path(code) else { continue };
            let missing: Vec<String> = expanded(file).into_iter().filter(|file| !root.join(file).exists()).collect();
            missing.iter().for_each(|file| at(format!("{file} does not exist")));
            if let (Some(&": "), Some(test)) = (parts.get(number + 1), parts.get(number + 2)) {
                let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                if !source.contains(&format!("fn {test}(")) {
                    at(format!("{file} has no test {test}"));
                }
            }
            if let (Some(&": **"), Some(function)) = (parts.get(number + 1), parts.get(number + 2)) {
                let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                // A function, a generic one, or a line of a contract.
                let forms = [format!("fn {function}("), format!("fn {function}<"), format!("\n        {function}(")];
                if !forms.iter().any(|form| source.contains(form)) {
                    at(format!("{file} has no function {function}"));
                }
            }
        }
    }
    found
}

/// The path of the tree in a piece of code; `None` for other code, patterns and places to fill in.
fn tree_path(code: &str) -> Option<&str> {
    let is_path =
        FOLDERS.iter().any(|folder| code.starts_with(folder)) && !code.contains(['*', '<', ' ', '…', '$', ':']);
    is_path.then_some(code.trim_end_matches('/'))
}

/// Each path of one with alternatives (`a/{b,c}.rs`).
fn expanded(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((alternatives, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    alternatives.split(',').flat_map(|one| expanded(&format!("{before}{one}{after}"))).collect()
}

/// Returns one line for each manifest whose folder is missing in the drawing, a block of code whose lines are folders
/// that are indented by their depth.
pub fn drawing(document: &str, manifests: &[&str]) -> Vec<String> {
    let block = document.split("```").nth(1).unwrap_or_default();
    let mut top = "";
    let mut drawn = Vec::new();
    for line in block.lines() {
        let Some((name, _)) = line.trim_start().split_once('/') else { continue };
        match line.len() - line.trim_start().len() {
            0 => {
                top = name;
                drawn.push(name.to_owned());
            }
            2 => drawn.push(format!("{top}/{name}")),
            _ => {}
        }
    }
    let folders = manifests.iter().filter_map(|manifest| manifest.strip_suffix("/Cargo.toml"));
    let missing = folders.filter(|folder| !drawn.iter().any(|known| known == folder));
    missing.map(|folder| format!("docs/project_structure.md: the drawing lacks {folder}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_to_avoid_are_found_in_prose_only() {
        for text in ["// Nobody knows.", "let a = 1; // starts anew", "/// tried once more", r#"f("a\"b"); // anew"#] {
            assert_eq!(words("a.rs", text).len(), 1, "{text}");
        }
        for text in ["let nobody = 1;", "println!(\"// nobody\");", "// anewer", "// a colorful"] {
            assert!(words("a.rs", text).is_empty(), "{text}");
        }
        assert_eq!(
            words("a.md", "x\nThe behavior\n```\nnobody\n```\n`anew`\n"),
            ["a.md:2: 'behavior': write: behaviour"]
        );
    }

    #[test]
    fn wide_comments_and_prose_are_found() {
        let long = "x ".repeat(61);
        for (path, text) in [("a.rs", "/// "), ("a.rs", "f(); // "), ("a.toml", "# "), ("a.md", "- ")] {
            let found = wide(path, &format!("short\n{text}{long}\n"));
            assert_eq!(found, [format!("{path}:2: {} characters, the limit is 120", text.len() + 122)]);
        }
        for (path, text) in [("a.rs", "f(\"//\", \""), ("a.toml", "a = "), ("a.md", "| a | "), ("a.md", "http://")] {
            assert!(wide(path, &format!("{text}{long}\n")).is_empty(), "{path}: {text}");
        }
        assert!(wide("a.md", &format!("```\n{long}\n```\n")).is_empty());
    }

    #[test]
    fn names_of_missing_files_and_tests_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("server/a")).unwrap();
        std::fs::write(root.path().join("server/a/b.rs"), "fn it_works() {}").unwrap();
        let found = |text: &str| names(root.path(), "d.md", text);
        assert!(found("`server/a/b.rs`: `it_works`, `server/a/`, `server/*/x`, `server/a/<b>`, `nft list`").is_empty());
        assert_eq!(found("`server/a/c.rs`"), ["d.md:1: server/a/c.rs does not exist"]);
        assert_eq!(found("`server/a/{b,c}.rs`"), ["d.md:1: server/a/c.rs does not exist"]);
        assert_eq!(found("| 1 | `server/a/b.rs`: `it_fails` |"), ["d.md:1: server/a/b.rs has no test it_fails"]);
        assert!(found("1. `server/a/b.rs`: **`it_works`** is called.").is_empty());
        assert_eq!(found("1. `server/a/b.rs`: **`gone`** is"), ["d.md:1: server/a/b.rs has no function gone"]);
    }

    #[test]
    fn a_crate_that_is_missing_in_the_drawing_is_found() {
        let text = "```\nshared/   x\n  rpc/   y\nserver/\n  wg/  z\n```\n";
        assert!(drawing(text, &["shared/Cargo.toml", "shared/rpc/Cargo.toml", "server/wg/Cargo.toml"]).is_empty());
        assert_eq!(drawing(text, &["server/tor/Cargo.toml", "Cargo.toml"]).len(), 1);
    }
}
