//! A map of bounded size that evicts its least recently used entry.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use tornado_shared::model::UnixSeconds;

#[derive(Debug)]
pub(super) struct Aged<K, V> {
    most: usize,
    values: HashMap<K, (UnixSeconds, V)>,
    by_age: BTreeSet<(UnixSeconds, K)>,
}

impl<K: Copy + Eq + Hash + Ord, V: Default> Aged<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, values: HashMap::new(), by_age: BTreeSet::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    pub(super) fn touched(&self, key: &K) -> Option<UnixSeconds> {
        self.values.get(key).map(|(at, _)| *at)
    }

    /// The value, created if missing. Marks it as the most recently used one.
    pub(super) fn touch(&mut self, key: K, now: UnixSeconds) -> &mut V {
        if let Some((at, _)) = self.values.get(&key) {
            self.by_age.remove(&(*at, key));
        } else if self.values.len() >= self.most
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.values.remove(&oldest);
        }
        self.by_age.insert((now, key));
        let (at, value) = self.values.entry(key).or_default();
        *at = now;
        value
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some((at, _)) = self.values.remove(key) {
            self.by_age.remove(&(at, *key));
        }
    }

    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.values.len(), self.by_age.len());
        self.values.len()
    }
}
