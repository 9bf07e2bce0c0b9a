//! Saved queries, in one JSON file.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tornado_contracts::telemetry::logs::SavedQuery;
use tornado_runtime::files::{Access, Durability, optional, replace};

/// Largest number of saved queries.
pub const MAX_SAVED: usize = 200;
/// Largest size of the file in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// All saved queries.
#[derive(Debug)]
pub struct Saved {
    path: PathBuf,
    queries: Mutex<BTreeMap<String, SavedQuery>>,
}

impl Saved {
    /// Reads the file, if it exists.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn open(path: &Path) -> io::Result<Self> {
        let queries: Vec<SavedQuery> = match optional(File::open(path))? {
            Some(file) => serde_json::from_reader(io::Read::take(file, MAX_FILE))?,
            None => Vec::new(),
        };
        let queries = queries.into_iter().map(|query| (query.name.clone(), query)).collect();
        Ok(Self { path: path.to_owned(), queries: Mutex::new(queries) })
    }

    /// All queries by name.
    #[must_use]
    pub fn list(&self) -> Vec<SavedQuery> {
        self.queries.lock().values().cloned().collect()
    }

    /// The query with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SavedQuery> {
        self.queries.lock().get(name).cloned()
    }

    /// Adds or replaces a query. Returns false if there are too many.
    ///
    /// # Errors
    /// When the file cannot be written; nothing changes then.
    pub fn put(&self, query: SavedQuery) -> io::Result<bool> {
        let mut queries = self.queries.lock();
        if queries.len() >= MAX_SAVED && !queries.contains_key(&query.name) {
            return Ok(false);
        }
        let mut changed = queries.clone();
        changed.insert(query.name.clone(), query);
        self.write(&changed)?;
        *queries = changed;
        Ok(true)
    }

    /// Removes a query. Returns false if there is none with this name.
    ///
    /// # Errors
    /// When the file cannot be written; nothing changes then.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        let mut queries = self.queries.lock();
        let mut changed = queries.clone();
        if changed.remove(name).is_none() {
            return Ok(false);
        }
        self.write(&changed)?;
        *queries = changed;
        Ok(true)
    }

    fn write(&self, queries: &BTreeMap<String, SavedQuery>) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&queries.values().collect::<Vec<_>>())?;
        replace(&self.path, &text, Access::PRIVATE, Durability::Synced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, text: &str) -> SavedQuery {
        SavedQuery { name: name.into(), description: "why".into(), text: text.into() }
    }

    #[test]
    fn queries_are_kept_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("saved-queries.json");
        let saved = Saved::open(&path).unwrap();
        assert!(saved.put(query("b", "x")).unwrap() && saved.put(query("a", "y")).unwrap());
        assert!(saved.put(query("b", "z")).unwrap());
        assert!(!saved.remove("none").unwrap());
        let again = Saved::open(&path).unwrap();
        assert_eq!(again.list(), [query("a", "y"), query("b", "z")]);
        assert!(again.remove("a").unwrap());
        assert_eq!(Saved::open(&path).unwrap().find("a"), None);
    }

    #[test]
    fn a_broken_file_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("saved-queries.json");
        std::fs::write(&path, "[{").unwrap();
        assert!(Saved::open(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[{");
    }

    #[test]
    fn the_number_of_queries_is_limited() {
        let dir = tempfile::tempdir().unwrap();
        let saved = Saved::open(&dir.path().join("saved-queries.json")).unwrap();
        (0..MAX_SAVED).for_each(|n| assert!(saved.put(query(&n.to_string(), "x")).unwrap()));
        assert!(!saved.put(query("one more", "x")).unwrap());
        assert!(saved.put(query("7", "changed")).unwrap());
    }
}
