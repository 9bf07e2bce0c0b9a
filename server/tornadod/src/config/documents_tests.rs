//! Configuration keys that the documents name exist.

use super::Config;
use super::example_tests::keys;
use tornado_e2e_documents::{Document, read};

/// `[table] key` or `[table]`.
fn named(code: &str) -> Option<String> {
    let (table, rest) = code.strip_prefix('[')?.split_once(']')?;
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || "_.".contains(c));
    let key = rest.split('=').next()?.trim();
    match (is_name(table), key) {
        (true, "") => Some(table.to_owned()),
        (true, key) if is_name(key) => Some(format!("{table}.{key}")),
        _ => None,
    }
}

/// Documents about the server's configuration; others also name tables of other files.
fn documents() -> Vec<Document> {
    const OTHERS: [&str; 3] = ["CONTRIBUTING.md", "docs/build_linux.md", "docs/build_windows.md"];
    let all = read(env!("CARGO_MANIFEST_DIR")).unwrap();
    all.into_iter().filter(|document| !OTHERS.contains(&document.path.as_str())).collect()
}

#[test]
fn configuration_keys_in_the_documents_exist() {
    let (keys, mut count, mut wrong) = (keys(), 0, Vec::new());
    let exists = |name: &str| keys.iter().any(|key| key == name || key.starts_with(&format!("{name}.")));
    for document in documents() {
        for (place, text) in document.paragraphs() {
            let parts: Vec<&str> = text.split('`').collect();
            for (index, code) in parts.iter().enumerate().skip(1).step_by(2) {
                let Some(name) = named(code) else { continue };
                count += 1;
                // `key` in `[table]`
                let key =
                    parts.get(index - 1).filter(|between| **between == " in ").and(parts.get(index.wrapping_sub(2)));
                for name in
                    [Some(name.clone()), key.map(|key| format!("{name}.{}", key.split(" =").next().unwrap_or(key)))]
                        .into_iter()
                        .flatten()
                {
                    if !exists(&name) {
                        wrong.push(format!("{place}: {name}"));
                    }
                }
            }
        }
    }
    assert!(count > 30, "only {count} keys were found");
    assert!(wrong.is_empty(), "the configuration does not have:\n{}", wrong.join("\n"));
}

#[test]
fn examples_of_the_configuration_in_the_documents_are_valid() {
    let mut count = 0;
    for block in documents().iter().flat_map(Document::blocks).filter(|block| block.language == "toml") {
        count += 1;
        // `…` stands for the certificate of a bridge.
        if let Err(error) = Config::parse(&block.text.replace("cert=…", &format!("cert={}", "A".repeat(70)))) {
            panic!("{}: {error}", block.place);
        }
    }
    assert!(count > 3, "only {count} examples were found");
}
