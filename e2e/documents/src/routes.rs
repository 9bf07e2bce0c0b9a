//! Routes that a document lists.

use crate::text::Document;
use std::collections::BTreeSet;

const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Routes (`GET /users`) in the backticks of a document. A path without a verb has the verb before it, and verbs
/// without a path have the path that follows, or the one before at the end of a cell.
#[must_use]
pub fn routes(document: &Document) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, text) in document.paragraphs() {
        for cell in text.split('|') {
            of_cell(cell, &mut all);
        }
    }
    all
}

fn of_cell(cell: &str, all: &mut BTreeSet<String>) {
    let (mut verbs, mut verb, mut last): (Vec<&str>, &str, &str) = (Vec::new(), "", "");
    let mut add = |verb: &str, path: &str| {
        if !verb.is_empty() && !path.is_empty() {
            all.insert(format!("{verb} {path}"));
        }
    };
    for code in cell.split('`').skip(1).step_by(2) {
        let (first, path) = code.split_once(' ').unwrap_or((code, ""));
        let path = if first.starts_with('/') { first } else { path };
        if !path.is_empty() && !path.starts_with('/') {
            continue;
        }
        let path = path.split('?').next().unwrap_or_default();
        if VERBS.contains(&first) {
            verbs.push(first);
        } else if path.is_empty() {
            continue;
        }
        if !path.is_empty() {
            verb = verbs.last().copied().unwrap_or(verb);
            verbs.drain(..).for_each(|one| add(one, path));
            add(verb, path);
            last = path;
        }
    }
    verbs.into_iter().for_each(|one| add(one, last));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_a_table_are_found() {
        let text =
            "| `GET /a`, `/b?c=1`, `PUT`, `DELETE /b/{id}` (`start`, `GET`) | `POST /c`, `PATCH` |\n`GET` and `/x`\n";
        let found = routes(&Document { path: "a.md".into(), text: text.into() });
        let wanted =
            ["DELETE /b/{id}", "GET /a", "GET /b", "GET /b/{id}", "GET /x", "PATCH /c", "POST /c", "PUT /b/{id}"];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), wanted);
    }
}
