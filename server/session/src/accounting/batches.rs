//! Batches of store queries for many accounts. A damaged row does not block other accounts.

use tornado_shared::model::UserId;
use tornado_store::StoreError;

/// Accounts per query. One query per account would take seconds for thousands; a single query for all would block the
/// database.
const AT_ONCE: usize = 256;

/// Batches that are still to be queried.
pub(crate) struct Batches<'a>(Vec<&'a [UserId]>);

impl<'a> Batches<'a> {
    pub fn of(users: &'a [UserId]) -> Self {
        Self(users.chunks(AT_ONCE).collect())
    }

    pub fn next(&mut self) -> Option<&'a [UserId]> {
        self.0.pop()
    }

    /// Handles a failed batch. One damaged row fails the whole batch, so the batch is split in half until the row is
    /// alone. Returns false if the store itself failed and would fail again.
    pub fn retry_or_stop(&mut self, batch: &'a [UserId], error: &StoreError) -> bool {
        if !error.is_damage() {
            return false;
        }
        if batch.len() > 1 {
            let (first, second) = batch.split_at(batch.len() / 2);
            self.0.extend([first, second]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn all_accounts_but_the_damaged_ones_are_reached() {
        let users: Vec<_> = (0..1000).map(|_| UserId::random()).collect();
        let damaged: HashSet<_> = [users[3], users[255], users[999]].into();
        let (mut reached, mut queries) = (HashSet::new(), 0);
        let mut batches = Batches::of(&users);
        while let Some(batch) = batches.next() {
            queries += 1;
            if batch.iter().any(|user| damaged.contains(user)) {
                assert!(batches.retry_or_stop(batch, &StoreError::Damaged("base")));
            } else {
                reached.extend(batch.iter().copied());
            }
        }
        assert_eq!((reached.len(), reached.is_disjoint(&damaged)), (997, true));
        assert!(queries < 60, "{queries}");
        assert!(!batches.retry_or_stop(&users, &StoreError::Late), "a store that failed is not queried again");
    }
}
