//! Migrations that were ever released must not change: a database that has applied them would never open again.

use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Name and SHA-256 of every migration, one per line, in the format of `sha256sum`. A new migration adds a line;
/// existing lines never change.
const LANDED: &str = include_str!("../migrations/landed.sha256");

#[test]
fn landed_migrations_are_as_they_were() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut found = BTreeMap::new();
    for owner in ["identity", "sessions"] {
        for engine in ["sqlite", "postgres"] {
            for file in std::fs::read_dir(root.join(owner).join(engine)).unwrap() {
                let path = file.unwrap().path();
                let digest = Sha256::digest(std::fs::read(&path).unwrap());
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                found.insert(path.strip_prefix(&root).unwrap().display().to_string(), hex);
            }
        }
    }
    for line in LANDED.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(found.get(name).map(String::as_str), Some(sum), "{name} was changed; add a new migration instead");
    }
    let missing: Vec<_> = found.keys().filter(|name| !LANDED.contains(&format!("  {name}"))).collect();
    assert!(missing.is_empty(), "add these to migrations/landed.sha256 with sha256sum: {missing:?}");
}

/// Since PostgreSQL was added, both engines have the same migrations.
#[test]
fn both_engines_have_the_same_numbers() {
    let numbers = |owner: &str, engine: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(owner).join(engine);
        let names = std::fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut numbers: Vec<u32> = names.map(|name| name.split('_').next().unwrap().parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    for (owner, since) in [("identity", 1), ("sessions", 4)] {
        let sqlite: Vec<_> = numbers(owner, "sqlite").into_iter().filter(|number| *number >= since).collect();
        assert_eq!(numbers(owner, "postgres"), sqlite, "{owner}");
    }
}
