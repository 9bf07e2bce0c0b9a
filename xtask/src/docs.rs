//! `cargo xtask docs`: the documents as a book with search, in `target/book`.

use crate::shell;
use anyhow::{Context as _, bail};
use std::fs;
use std::path::{Path, PathBuf};
use tornado_e2e_documents::{CONTENTS, beside};

/// The renderer. It is a program of its authors instead of a dependency, so that no build of ours compiles it.
const MDBOOK: &str = "0.5.4";

/// Files at the root of the tree to which documents refer.
const ROOT_FILES: [&str; 5] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"];

#[derive(clap::Args)]
pub struct Docs {}

impl Docs {
    pub fn run(&self) -> anyhow::Result<()> {
        let program = mdbook()?;
        let (root, target) = (shell::root(), shell::target_dir());
        let (source, book) = (target.join("book-source"), target.join("book"));
        stage(&root, &source).context("cannot collect the documents")?;
        let mut build = std::process::Command::new(program);
        build.arg("build").arg(&source).arg("--dest-dir").arg(&book);
        shell::run(build)?;
        let pages = pages(&book)?;
        let foreign = foreign(&pages)?;
        if !foreign.is_empty() {
            bail!("the book loads from other hosts:\n    {}", foreign.join("\n    "));
        }
        println!("{} pages: {}", pages.len(), book.join("index.html").display());
        Ok(())
    }
}

/// The path of the pinned renderer; installs it if it is missing.
fn mdbook() -> anyhow::Result<PathBuf> {
    let tools = shell::target_dir().join("tools").join(format!("mdbook-{MDBOOK}"));
    let program = tools.join("bin/mdbook");
    if !program.is_file() {
        println!("installing mdbook {MDBOOK} from crates.io to {} (only once, takes minutes)", tools.display());
        let version = format!("mdbook@{MDBOOK}");
        let mut install = shell::cargo(&["install", "--quiet", "--locked", "--debug", &version]);
        install.args(["--no-default-features", "--features", "search", "--root"]).arg(&tools);
        install.env("CARGO_PROFILE_DEV_DEBUG", "0");
        shell::run(install).context("cannot install mdbook")?;
    }
    Ok(program)
}

/// Copies the documents to `source` in the folders that they have in the tree, so that their links stay valid.
fn stage(root: &Path, source: &Path) -> anyhow::Result<()> {
    if source.exists() {
        fs::remove_dir_all(source)?;
    }
    let pages = source.join("src");
    fs::create_dir_all(pages.join("docs/screenshots"))?;
    fs::copy(root.join("docs/book.toml"), source.join("book.toml"))?;
    for name in ROOT_FILES {
        fs::copy(root.join(name), pages.join(name))?;
    }
    for folder in ["docs", "docs/screenshots"] {
        for entry in fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path.extension().is_some_and(|end| end == "md" || end == "png") && path != root.join(CONTENTS) {
                fs::copy(&path, pages.join(folder).join(name))?;
            }
        }
    }
    let contents = fs::read_to_string(root.join(CONTENTS))?;
    Ok(fs::write(pages.join("SUMMARY.md"), from_root(&contents))?)
}

/// The table of contents with links that are relative to the root of the tree, where the renderer needs it.
fn from_root(contents: &str) -> String {
    let mut parts = contents.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, rest) = part.split_once(')').unwrap_or((part, ""));
        text.extend(["](", &beside(CONTENTS, link), ")", rest]);
    }
    text
}

/// Every file of the book that a browser reads as text.
fn pages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(pages(&path)?);
        } else if path.extension().is_some_and(|end| end == "html" || end == "css") {
            found.push(path);
        }
    }
    Ok(found)
}

fn foreign(pages: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for page in pages {
        let loads = loads(&fs::read_to_string(page)?).into_iter();
        all.extend(loads.filter(|address| is_foreign(address)).map(|address| format!("{}: {address}", page.display())));
    }
    Ok(all)
}

/// Addresses that a browser loads without a click: scripts, pictures, frames, styles, fonts.
fn loads(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let until = |rest: &str, end: &[char]| rest.split(end).next().unwrap_or_default().to_owned();
    for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let is_link = tag.starts_with("link ");
        for name in ["src=\"", "href=\"", "data=\"", "poster=\""] {
            let Some((_, rest)) = tag.split_once(&format!(" {name}")).filter(|_| is_link || name != "href=\"") else {
                continue;
            };
            found.push(until(rest, &['"']));
        }
    }
    for start in ["url(", "@import "] {
        found.extend(
            text.split(start).skip(1).map(|rest| until(rest.trim_start_matches(['"', '\'']), &['"', '\'', ')', ';'])),
        );
    }
    found
}

fn is_foreign(address: &str) -> bool {
    address.starts_with("//") || address.split_once(':').is_some_and(|(scheme, _)| ["http", "https"].contains(&scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_loads_from_other_hosts_is_found() {
        for text in [
            "<script async src=\"https://x.org/a.js\"></script>",
            "<link rel=\"stylesheet\" href=\"//x.org/a.css\">",
            "<img alt=\"\" src=\"http://x.org/a.png\">",
            "@font-face { src: url('https://x.org/a.woff2') }",
            "@import \"https://x.org/a.css\";",
        ] {
            assert!(loads(text).iter().any(|address| is_foreign(address)), "{text}");
        }
        for text in ["<a href=\"https://x.org\">x</a>", "<img src=\"a.png\">", "<link href=\"a.css\">", "url(data:x)"] {
            assert!(!loads(text).iter().any(|address| is_foreign(address)), "{text}");
        }
    }

    #[test]
    fn the_contents_are_written_for_the_root() {
        let text = "# S\n[A](../README.md)\n- [B](setup.md)\n";
        assert_eq!(from_root(text), "# S\n[A](README.md)\n- [B](docs/setup.md)\n");
    }
}
