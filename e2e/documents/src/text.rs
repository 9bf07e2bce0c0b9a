//! Markdown as far as the documents use it: headings, fenced blocks, code in backticks.

use std::fmt;
use std::io;
use std::path::Path;

/// A document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Path relative to the root of the tree.
    pub path: String,
    /// Content.
    pub text: String,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path relative to the root of the tree.
    pub path: String,
    /// Number of the line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// A fenced block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its first line of content.
    pub place: Place,
    /// The word after the fence; empty without one.
    pub language: String,
    /// Its lines.
    pub text: String,
}

/// Reads the documents at the root of the tree and in `docs`, except the change log. `crate_dir` is the value of
/// `CARGO_MANIFEST_DIR`, or another folder of the tree.
///
/// # Errors
///
/// Fails if a document cannot be read.
pub fn read(crate_dir: &str) -> io::Result<Vec<Document>> {
    let is_root = |dir: &&Path| dir.join("Cargo.lock").is_file();
    let root = Path::new(crate_dir).ancestors().find(is_root);
    let root = root.ok_or_else(|| io::Error::other("the root of the tree was not found"))?;
    let mut paths = Vec::new();
    for folder in ["", "docs"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") && name != "CHANGELOG.md" {
                paths.push(if folder.is_empty() { name } else { format!("{folder}/{name}") });
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| Ok(Document { text: std::fs::read_to_string(root.join(&path))?, path })).collect()
}

/// The part of a document below a heading, up to the next heading of the same or a higher level. Empty if there is no
/// such heading.
#[must_use]
pub fn section(document: &Document, heading: &str) -> Document {
    let level = heading.len() - heading.trim_start_matches('#').len();
    let ends = |line: &&str| !(line.starts_with('#') && line.len() - line.trim_start_matches('#').len() <= level);
    let lines = document.text.lines().skip_while(|line| *line != heading).skip(1).take_while(ends);
    Document { path: document.path.clone(), text: lines.collect::<Vec<_>>().join("\n") }
}

impl Document {
    fn at(&self, index: usize) -> Place {
        Place { path: self.path.clone(), line: index + 1 }
    }

    /// The fenced blocks.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (index, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => {
                    let place = self.at(index + 1);
                    open = Some(Block { place, language: language.trim().to_owned(), text: String::new() });
                }
                (None, Some(block)) => block.text.extend([line, "\n"]),
                (None, None) => {}
            }
        }
        blocks
    }

    /// The paragraphs outside of fenced blocks, each on one line; rows of tables and headings on their own.
    #[must_use]
    pub fn paragraphs(&self) -> Vec<(Place, String)> {
        let mut all: Vec<(Place, String)> = Vec::new();
        let (mut is_fenced, mut continues) = (false, false);
        for (index, line) in self.text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("```") {
                is_fenced = !is_fenced;
            }
            let is_alone = line.starts_with('|') || line.starts_with('#');
            if is_fenced || line.is_empty() || line.starts_with("```") {
                continues = false;
                continue;
            }
            match all.last_mut().filter(|_| continues && !is_alone) {
                Some((_, text)) => text.extend([" ", line]),
                None => all.push((self.at(index), line.to_owned())),
            }
            continues = !is_alone;
        }
        all
    }

    /// The pieces of code in backticks.
    #[must_use]
    pub fn code(&self) -> Vec<(Place, String)> {
        let mut all = Vec::new();
        for (place, text) in self.paragraphs() {
            all.extend(text.split('`').skip(1).step_by(2).map(|code| (place.clone(), code.to_owned())));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\nfirst `a\nb` line\n\n```sh\nrun `x`\n```\n| `c` | d |\n| e | `f` |\n## B\n`g`\n# C\n`h`\n";

    fn document() -> Document {
        Document { path: "a.md".into(), text: TEXT.into() }
    }

    #[test]
    fn code_and_blocks_are_found_with_their_lines() {
        let code: Vec<_> = document().code().into_iter().map(|(place, code)| format!("{place} {code}")).collect();
        assert_eq!(code, ["a.md:2 a b", "a.md:8 c", "a.md:9 f", "a.md:11 g", "a.md:13 h"]);
        let blocks = document().blocks();
        assert_eq!((blocks.len(), blocks[0].place.line, blocks[0].text.as_str()), (1, 6, "run `x`\n"));
        assert_eq!(blocks[0].language, "sh");
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        assert_eq!(section(&document(), "## B").text, "`g`");
        assert!(section(&document(), "# A").text.ends_with("`g`"));
        assert_eq!(section(&document(), "# D").text, "");
    }
}
