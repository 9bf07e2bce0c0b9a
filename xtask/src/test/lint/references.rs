//! Checks the links between documents: files, pictures and headings; and that the book contains every document.

use anyhow::Context as _;
use std::collections::HashMap;
use std::path::Path;
use tornado_e2e_documents::{CONTENTS, Document, anchors, beside, links};

/// Checks all documents of the tree. Returns the number of links.
pub fn check(root: &Path) -> anyhow::Result<usize> {
    let documents = tornado_e2e_documents::read(&root.display().to_string()).context("cannot read the documents")?;
    let (count, mut findings) = broken(root, &documents);
    findings.extend(not_in_the_book(&documents));
    super::none(&findings)?;
    Ok(count)
}

/// The number of links, and one line for each whose target does not exist.
fn broken(root: &Path, documents: &[Document]) -> (usize, Vec<String>) {
    let headings: HashMap<&str, Vec<String>> =
        documents.iter().map(|document| (document.path.as_str(), anchors(document))).collect();
    let (mut count, mut findings) = (0, Vec::new());
    for document in documents {
        for link in links(document) {
            count += 1;
            let target = match link.path.as_str() {
                "" => document.path.clone(),
                path => beside(&document.path, path),
            };
            if !root.join(&target).exists() {
                findings.push(format!("{}: {target} does not exist", link.place));
            } else if let Some(anchor) = &link.anchor
                && !headings.get(target.as_str()).is_some_and(|known| known.contains(anchor))
            {
                findings.push(format!("{}: {target} has no heading #{anchor}", link.place));
            }
        }
    }
    (count, findings)
}

/// One line for each document that the table of contents lacks.
fn not_in_the_book(documents: &[Document]) -> Vec<String> {
    let listed: Vec<String> = documents
        .iter()
        .filter(|document| document.path == CONTENTS)
        .flat_map(|contents| links(contents).into_iter().map(|link| beside(CONTENTS, &link.path)))
        .collect();
    let missing = documents.iter().filter(|document| document.path != CONTENTS && !listed.contains(&document.path));
    missing.map(|document| format!("{CONTENTS} lacks {}", document.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str, text: &str) -> Document {
        Document { path: path.into(), text: text.into() }
    }

    #[test]
    fn broken_links_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs")).unwrap();
        for name in ["README.md", "docs/a.md", "docs/b.png"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        let text = "# Top\n[a](../README.md#x) [b](b.png) [c](c.md) [d](#top) [e](#bottom) [f](https://x.org/y.md)";
        let documents = [document("README.md", "# X"), document("docs/a.md", text)];
        let (count, found) = broken(root.path(), &documents);
        assert_eq!(count, 5);
        assert_eq!(found, ["docs/a.md:2: docs/c.md does not exist", "docs/a.md:2: docs/a.md has no heading #bottom"]);
    }

    #[test]
    fn a_document_outside_of_the_book_is_found() {
        let contents = document(CONTENTS, "[Start](../README.md)");
        let all = [contents, document("README.md", ""), document("docs/a.md", "")];
        assert_eq!(not_in_the_book(&all), ["docs/SUMMARY.md lacks docs/a.md"]);
    }
}
