//! Links between documents.

use crate::text::{Document, Place};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// The table of contents of the book.
pub const CONTENTS: &str = "docs/SUMMARY.md";

/// A link or picture whose target is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it is.
    pub place: Place,
    /// Path as written; empty for a heading of the same document.
    pub path: String,
    /// The heading's anchor, without `#`.
    pub anchor: Option<String>,
}

/// The links of a document, except those with a scheme (`https:`).
#[must_use]
pub fn links(document: &Document) -> Vec<Link> {
    let mut all = Vec::new();
    for (place, text) in document.paragraphs() {
        let prose: String = text.split('`').step_by(2).collect();
        for (at, _) in prose.match_indices("](") {
            let target = prose.get(at + 2..).and_then(|rest| rest.split(')').next()).unwrap_or_default();
            if target.contains(':') {
                continue;
            }
            let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            all.push(Link { place: place.clone(), path: path.to_owned(), anchor: anchor.map(str::to_owned) });
        }
    }
    all
}

/// The path of a link in `document`, relative to the root of the tree.
#[must_use]
pub fn beside(document: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    for part in folder.join(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path.display().to_string()
}

/// Anchors of a document's headings, as GitHub and mdbook make them.
#[must_use]
pub fn anchors(document: &Document) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = document.paragraphs().into_iter().filter(|(_, text)| text.starts_with('#'));
    let anchors = headings.map(|(_, text)| {
        let title = text.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor = kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>();
        let count = seen.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    });
    anchors.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_found() {
        let text = "# Set-up\nSee [a](b.md#c-d), [e](#f),\n![g](h.png) and [i](https://j) not `[k](l)`.\n\n## A `b`, c!\n## A\n## A\n";
        let document = Document { path: "docs/a.md".into(), text: text.into() };
        let found: Vec<_> = links(&document).into_iter().map(|link| (link.path, link.anchor)).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found, [("b.md".into(), some("c-d")), (String::new(), some("f")), ("h.png".into(), None)]);
        assert_eq!(beside("docs/a.md", "../x/./b.md"), "x/b.md");
        assert_eq!(anchors(&document), ["set-up", "a-b-c", "a", "a-1"]);
    }
}
